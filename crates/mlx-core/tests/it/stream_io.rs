//! Readers and writers that lie, fail and panic.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use mlx_core::io::{
    load_npy, load_safetensors, read_npy, read_safetensors, save_npy, save_safetensors, write_npy,
    write_safetensors,
};
use mlx_core::{Array, Device, Error, Kind, Stream};

/// Two arrays in a safetensors file.
fn pair() -> Vec<u8> {
    let (a, b) = (Array::from([1, 2, 3]), Array::from([4.0, 5.0]));
    let mut bytes = Vec::new();
    write_safetensors(&mut bytes, [("a", &a), ("b", &b)], &BTreeMap::new()).unwrap();
    bytes
}

/// What a reader does once it is told to.
#[derive(Clone, Copy)]
enum Fault {
    Error,
    End,
    Panic,
    SeekError,
    SeekElsewhere,
    OtherBytes,
}

/// A reader that is good until `on`.
struct Faulty {
    inner: Cursor<Vec<u8>>,
    on: Arc<AtomicBool>,
    fault: Fault,
}

impl Read for Faulty {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.fault {
            _ if !self.on.load(Ordering::SeqCst) => self.inner.read(buffer),
            Fault::Error => Err(io::Error::other("the disk is gone")),
            Fault::End => Ok(0),
            Fault::Panic => panic!("on purpose"),
            Fault::OtherBytes => {
                buffer.fill(0xee);
                Ok(buffer.len())
            }
            Fault::SeekError | Fault::SeekElsewhere => self.inner.read(buffer),
        }
    }
}

impl Seek for Faulty {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self.fault {
            Fault::SeekError if self.on.load(Ordering::SeqCst) => Err(io::Error::other("no seeking")),
            Fault::SeekElsewhere if self.on.load(Ordering::SeqCst) => self.inner.seek(SeekFrom::Start(0)),
            _ => self.inner.seek(to),
        }
    }
}

/// The arrays of `pair` through a reader that has its fault from now on.
fn faulty(fault: Fault) -> BTreeMap<String, Array> {
    let on = Arc::new(AtomicBool::new(false));
    let reader = Faulty { inner: Cursor::new(pair()), on: Arc::clone(&on), fault };
    let loaded = read_safetensors(reader).unwrap().arrays;
    on.store(true, Ordering::SeqCst);
    loaded
}

#[track_caller]
fn assert_failed(error: &Error, says: &str) {
    assert_eq!((error.kind(), error.op()), (Kind::Io, "eval"), "{error}");
    assert!(
        error.message().starts_with("the reader: reading ") && error.message().ends_with(says),
        "{error}"
    );
}

#[test]
fn a_good_reader_gives_its_arrays_later() {
    let loaded = read_safetensors(Cursor::new(pair())).unwrap();
    assert_eq!(loaded.arrays["b"].to_vec::<f32>().unwrap(), [4.0, 5.0]);
    assert_eq!(loaded.arrays["a"].to_vec::<i32>().unwrap(), [1, 2, 3]);
}

#[test]
fn a_reader_that_fails_later_is_an_error_of_the_eval_and_leaves_zeros() {
    for (fault, says) in [
        (Fault::Error, "the disk is gone"),
        (Fault::End, "failed to fill whole buffer"),
        (Fault::Panic, "the reader panicked"),
        (Fault::SeekError, "no seeking"),
    ] {
        let loaded = faulty(fault);
        let sum = (&loaded["a"] + 1).unwrap();
        assert_failed(&sum.eval().unwrap_err(), says);
        assert_eq!(sum.to_vec::<i32>().unwrap(), [1, 1, 1]);
        assert_eq!(loaded["a"].to_vec::<i32>().unwrap(), [0, 0, 0]);
        assert!(loaded["b"].to_vec::<f32>().is_err());
        assert_eq!(loaded["b"].to_vec::<f32>().unwrap(), [0.0, 0.0]);
        assert_eq!((Array::from(1) + 1).unwrap().item::<i32>().unwrap(), 2);
    }
}

#[test]
fn every_way_to_compute_an_array_tells_of_a_failed_read() {
    let error = |read: fn(&Array) -> Option<Error>| read(&faulty(Fault::Error)["a"]).unwrap();
    assert_failed(&error(|a| mlx_core::eval([a]).err()), "the disk is gone");
    assert_failed(&error(|a| a.to_vec::<i32>().err()), "the disk is gone");
    assert_failed(&error(|a| a.as_slice::<i32>().err()), "the disk is gone");
    assert_failed(&error(|a| a.index(0).unwrap().item::<i32>().err()), "the disk is gone");
    assert_failed(&error(|a| a.layout().err()), "the disk is gone");
    assert!(faulty(Fault::Error)["a"].to_string().contains("the disk is gone"));
    let saved = write_npy(&mut Vec::new(), &faulty(Fault::Error)["a"]).unwrap_err();
    assert_eq!((saved.kind(), saved.op()), (Kind::Io, "write_npy"));
}

#[test]
fn a_failed_read_is_told_once_even_when_nobody_waited_for_it() {
    let loaded = faulty(Fault::Error);
    mlx_core::async_eval([&loaded["a"]]).unwrap();
    assert!(loaded["a"].eval().is_err());
    assert!(loaded["a"].eval().is_ok());
}

#[test]
fn waiting_for_the_stream_tells_of_a_failed_read() {
    Device::Cpu
        .scope(|| {
            let loaded = faulty(Fault::Error);
            mlx_core::async_eval([&loaded["a"]])?;
            let error = Stream::current()?.synchronize().unwrap_err();
            assert_eq!((error.kind(), error.op()), (Kind::Io, "synchronize"));
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_reader_cut_anywhere_is_refused() {
    let bytes = pair();
    for length in 0..bytes.len() {
        let error = read_safetensors(Cursor::new(bytes[..length].to_vec())).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Io, "read_safetensors"));
        assert!(error.message().starts_with("the reader: "), "{error}");
    }
}

#[test]
fn a_reader_with_any_byte_changed_is_refused_or_read_within_its_bytes() {
    let whole = pair();
    for at in 0..whole.len() {
        for byte in [0, b'"', b'9', b'-', 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            for array in
                read_safetensors(Cursor::new(bytes)).into_iter().flat_map(|file| file.arrays.into_values())
            {
                assert!(array.nbytes() <= 20 && array.eval().is_ok(), "{byte} at {at}: {array:?}");
            }
        }
    }
}

#[test]
fn a_reader_of_two_files_is_read_from_where_it_stands() {
    let mut cursor = Cursor::new([b"before".to_vec(), pair()].concat());
    cursor.set_position(6);
    let loaded = read_safetensors(cursor).unwrap().arrays;
    assert_eq!(loaded["a"].to_vec::<i32>().unwrap(), [1, 2, 3]);
    assert_eq!(loaded["b"].to_vec::<f32>().unwrap(), [4.0, 5.0]);
}

#[test]
fn other_threads_do_not_hear_of_a_failed_read() {
    let (tell, told) = std::sync::mpsc::channel();
    let loaded = faulty(Fault::Error);
    mlx_core::async_eval([&loaded["a"]]).unwrap();
    let other = std::thread::spawn(move || {
        told.recv().unwrap();
        (Array::from(1) + 1).unwrap().item::<i32>()
    });
    tell.send(()).unwrap();
    assert_eq!(other.join().unwrap().unwrap(), 2);
    assert!(loaded["a"].eval().is_err());
}

#[test]
fn a_reader_that_seeks_elsewhere_or_changes_its_bytes_gives_bytes_of_its_own() {
    let wrong = faulty(Fault::SeekElsewhere)["a"].to_vec::<i32>().unwrap();
    assert_eq!(wrong[0].to_le_bytes(), pair()[..4]);
    assert_eq!(faulty(Fault::OtherBytes)["a"].to_vec::<i32>().unwrap(), [0xeeee_eeee_u32 as i32; 3]);
}

/// A reader that says that it is longer than it is.
struct Longer(Cursor<Vec<u8>>);

impl Read for Longer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Longer {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::End(0) => Ok(u64::MAX),
            to => self.0.seek(to),
        }
    }
}

#[test]
fn a_reader_that_lies_about_its_length_is_an_error_of_the_eval() {
    let mut bytes = pair();
    bytes.truncate(bytes.len() - 20);
    let loaded = read_safetensors(Longer(Cursor::new(bytes))).unwrap().arrays;
    for array in loaded.values() {
        assert_failed(&array.eval().unwrap_err(), "failed to fill whole buffer");
    }
    let huge = "{'descr': '|u1', 'fortran_order': False, 'shape': (2147483647, 60000)}";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((huge.len() as u16).to_le_bytes());
    bytes.extend(huge.as_bytes());
    assert_eq!(read_npy(Longer(Cursor::new(bytes))).unwrap().shape(), [2147483647, 60000]);
}

/// A reader that fails at its `n`-th call.
struct FailsAt {
    inner: Cursor<Vec<u8>>,
    calls: usize,
    n: usize,
}

impl FailsAt {
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.calls == self.n { Err(io::Error::other("this call")) } else { Ok(()) }
    }
}

impl Read for FailsAt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.call()?;
        let some = buffer.len().min(7);
        self.inner.read(&mut buffer[..some])
    }
}

impl Seek for FailsAt {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.call()?;
        self.inner.seek(to)
    }
}

#[test]
fn a_reader_that_fails_at_any_one_call_is_an_error_or_all_its_bytes() {
    let mut failed = 0;
    for n in 1..60 {
        let reader = FailsAt { inner: Cursor::new(pair()), calls: 0, n };
        let read = read_safetensors(reader).and_then(|loaded| loaded.arrays["a"].to_vec::<i32>());
        match read {
            Ok(values) => assert_eq!(values, [1, 2, 3]),
            Err(error) => {
                assert!(error.message().contains("this call"), "{error}");
                failed += 1;
            }
        }
    }
    assert!(failed > 20 && failed < 59, "{failed}");
}

/// A reader whose end is counted, and panics.
struct Counted(Cursor<Vec<u8>>, Arc<AtomicUsize>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
        panic!("a reader whose end panics, on purpose");
    }
}

#[test]
fn a_reader_is_dropped_once_when_its_last_array_is_read_even_if_that_panics() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let loaded = read_safetensors(Counted(Cursor::new(pair()), Arc::clone(&dropped))).unwrap().arrays;
    loaded["a"].eval().unwrap();
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    assert_eq!(loaded["b"].to_vec::<f32>().unwrap(), [4.0, 5.0]);
    drop(loaded);
    // The thread that read last may still hold it.
    let end = Instant::now() + Duration::from_secs(20);
    while dropped.load(Ordering::SeqCst) == 0 && Instant::now() < end {
        sleep(Duration::from_millis(1));
    }
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

/// A writer that takes `room` bytes and then fails or panics.
struct Full {
    room: usize,
    panics: bool,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room).min(5);
        self.room -= taken;
        match taken {
            0 if self.panics => panic!("on purpose"),
            0 => Err(io::Error::other("no room")),
            taken => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_fails_at_any_byte_is_an_error() {
    let x = Array::from([1.0, 2.0]);
    let mut whole = Vec::new();
    write_npy(&mut whole, &x).unwrap();
    for room in 0..whole.len() {
        let error = write_npy(Full { room, panics: false }, &x).unwrap_err();
        assert_eq!((error.kind(), error.op(), error.message()), (Kind::Io, "write_npy", "no room"));
    }
    assert!(write_npy(Full { room: whole.len(), panics: false }, &x).is_ok());
    let error = write_safetensors(Full { room: 30, panics: false }, [("x", &x)], &BTreeMap::new());
    assert_eq!(error.unwrap_err().message(), "no room");
    let error = write_npy(Full { room: 3, panics: true }, &x).unwrap_err();
    assert_eq!(error.message(), "the writer panicked");
    assert_eq!((Array::from(1) + 1).unwrap().item::<i32>().unwrap(), 2);
}

#[test]
fn a_file_that_shrinks_after_it_was_opened_is_an_error_and_then_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    save_npy(&path, &Array::from([7; 64])).unwrap();
    let x = load_npy(&path).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(90).unwrap();
    let (y, other) = ((&x + 1).unwrap(), (Array::from(1) + 1).unwrap());
    let error = mlx_core::eval([&y, &other]).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    assert!(error.message().starts_with(&path.display().to_string()), "{error}");
    assert_eq!(other.item::<i32>().unwrap(), 2);
    assert_eq!(x.to_vec::<i32>().unwrap(), [0; 64]);
    assert_eq!(y.to_vec::<i32>().unwrap(), [1; 64]);
}

#[test]
fn an_array_of_many_parts_is_read_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let x = Array::arange(0..1_000_000).unwrap();
    save_npy(&path, &x).unwrap();
    assert_eq!(load_npy(&path).unwrap().to_vec::<i32>().unwrap(), x.to_vec::<i32>().unwrap());
    let lost = load_npy(&path).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(3_500_000).unwrap();
    assert!(lost.eval().unwrap_err().message().contains("reading 4000000 bytes: "));
    assert!(lost.to_vec::<i32>().unwrap().iter().all(|&value| value == 0));
}

#[test]
fn a_file_changed_after_it_was_opened_is_read_as_it_was_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    save_safetensors(&path, [("x", &Array::from([1, 2]))], &BTreeMap::new()).unwrap();
    let x = load_safetensors(&path).unwrap().arrays.remove("x").unwrap();
    let length = fs::metadata(&path).unwrap().len() as usize;
    fs::write(&path, vec![0xff; length]).unwrap();
    assert_eq!(x.to_vec::<i32>().unwrap(), [-1, -1]);
}
