//! Code of the caller's that MLX runs on threads of its own.

use std::fmt;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use mlx_core::io::{read_npy, write_npy};
use mlx_core::kernel::{self, Failure, Input, Output, Primitive, Spec};
use mlx_core::{Array, Dtype, Freeze, Kind, Result, Stream, Thaw, eval};

use crate::values::on_cpu;

/// A kernel of one input and one result of the same kind.
struct Run<F>(F);

impl<F: Fn(&Input<'_>) -> Result<(), Failure> + Send + Sync + 'static> Primitive for Run<F> {
    const NAME: &'static str = "Run";

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        Ok(vec![Spec::new([], inputs[0].dtype())])
    }

    fn run(&self, inputs: &[Input<'_>], _: &mut [Output<'_>]) -> Result<(), Failure> {
        self.0(&inputs[0])
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        Ok(vec![inputs[0].sum(..)?])
    }
}

fn run(x: &Array, f: impl Fn(&Input<'_>) -> Result<(), Failure> + Send + Sync + 'static) -> Result<()> {
    let outputs = kernel::apply(&Arc::new(Run(f)), [x])?;
    eval(&outputs)
}

/// Fails when it is printed, and when it is dropped.
#[derive(Debug)]
struct Bomb;

impl fmt::Display for Bomb {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("not to be printed")
    }
}

impl std::error::Error for Bomb {}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "not to be dropped");
    }
}

#[test]
fn a_kernel_computes_nothing_with_arrays() {
    on_cpu(|| {
        let frozen = Array::from([1.0]).freeze().unwrap();
        let kinds = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&kinds);
        let before = Stream::queues().unwrap().len();
        run(&Array::from([1.0]), move |_| {
            let results = [
                frozen.thaw(),
                Array::zeros([2], Dtype::Float32),
                Array::from([1.0]) + 1.0,
                Array::from([1.0]).eval().map(|()| Array::from(1)),
                Stream::current().map(|_| Array::from(1)),
            ];
            seen.lock().unwrap().extend(results.map(|result| result.map_err(|error| error.kind()).err()));
            Ok(())
        })
        .unwrap();
        assert_eq!(*kinds.lock().unwrap(), [Some(Kind::Thread); 5]);
        assert_eq!(Stream::queues().unwrap().len(), before);
    });
}

#[test]
fn what_fails_while_it_fails_is_an_error() {
    on_cpu(|| {
        let x = Array::from([1.0]);
        let error = run(&x, |_| Err(Box::new(Bomb))).unwrap_err();
        assert!(error.message().contains("Run: the kernel panicked: not to be printed"), "{error}");
        let error = run(&x, |_| panic_any(Bomb)).unwrap_err();
        assert!(error.message().contains("Run: the kernel panicked: it said nothing"), "{error}");
        run(&x, |_| Ok(())).unwrap();
    });
}

#[test]
fn a_kernel_whose_destructor_panics_is_dropped() {
    on_cpu(|| {
        let bomb = Bomb;
        run(&Array::from([1.0]), move |_| {
            let _ = &bomb;
            Ok(())
        })
        .unwrap();
    });
}

#[test]
fn an_input_that_no_copy_fits_is_an_error() {
    on_cpu(|| {
        let x = Array::from([1.0]).broadcast_to([1 << 22, 1 << 22]).unwrap();
        let error = run(&x, |x| x.values::<f32>().map(drop)).unwrap_err();
        assert!(error.message().contains("Run: memory allocation failed"), "{error}");
    });
}

/// A file whose data, once it is told to, is an error that cannot be printed, and which computes when it is dropped.
struct Reader {
    file: Cursor<Vec<u8>>,
    fails: Arc<AtomicBool>,
    dropped: Sender<Option<Kind>>,
}

impl Read for Reader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other(Bomb));
        }
        self.file.read(bytes)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let result = Array::zeros([2], Dtype::Float32).and_then(|x| x.eval());
        self.dropped.send(result.err().map(|error| error.kind())).unwrap();
    }
}

#[test]
fn a_reader_that_fails_while_it_fails_leaves_zeros_and_computes_nothing_as_it_goes() {
    let mut bytes = Vec::new();
    write_npy(&mut bytes, &Array::from([1, 2])).unwrap();
    let (fails, (dropped, last)) = (Arc::new(AtomicBool::new(false)), channel());
    let array = read_npy(Reader { file: Cursor::new(bytes), fails: Arc::clone(&fails), dropped }).unwrap();
    fails.store(true, Ordering::SeqCst);
    let error = array.eval().unwrap_err();
    assert!(error.message().ends_with("the reader panicked"), "{error}");
    assert_eq!(array.to_vec::<i32>().unwrap(), [0, 0]);
    drop(array);
    assert_eq!(last.recv().unwrap(), Some(Kind::Thread));
}

#[test]
fn a_writer_that_fails_while_it_fails_is_an_error() {
    struct Writer;
    impl Write for Writer {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other(Bomb))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = write_npy(Writer, &Array::from([1, 2])).unwrap_err();
    assert!(error.message().contains("the writer panicked"), "{error}");
}
