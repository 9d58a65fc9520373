//! Two processes on a ring over the loopback device.

use std::thread::spawn;

use mlx_core::distributed::{Backend, Group, init};
use mlx_core::{Array, Complex64, Dtype, Element, Kind, eval};
use mlx_testkit::ring;

use crate::values::on_cpu;

/// Runs `f` in two processes that are connected, and fails if one does or does not end.
#[track_caller]
fn two(name: &str, f: impl FnOnce(&Group)) {
    ring::in_two_processes(&format!("distributed::{name}"), || {
        on_cpu(|| f(&init(Backend::Ring, true).unwrap()));
    });
}

fn values<T: Element>(array: mlx_core::Result<Array>) -> Vec<T> {
    array.unwrap().to_vec().unwrap()
}

#[test]
fn sums_maxima_and_minima_go_over_both() {
    two("sums_maxima_and_minima_go_over_both", |group| {
        assert_eq!((group.size(), group.rank() < 2), (2, true));
        assert_eq!(format!("{group:?}"), format!("Group({} of 2)", group.rank()));
        let x = (Array::from([1, -5, 3]) * (group.rank() * 2 + 1)).unwrap();
        assert_eq!(values::<i32>(group.all_sum(&x)), [4, -20, 12]);
        assert_eq!(values::<i32>(group.all_max(&x)), [3, -5, 9]);
        assert_eq!(values::<i32>(group.all_min(&x)), [1, -15, 3]);
        let one = Array::from(group.rank());
        assert_eq!(group.all_sum(&one).unwrap().item::<i32>().unwrap(), 1);
        let none = Array::zeros([0, 2], Dtype::Float32).unwrap();
        assert!(values::<f32>(group.all_sum(&none)).is_empty());
    });
}

#[test]
fn every_type_is_summed_and_gathered() {
    two("every_type_is_summed_and_gathered", |group| {
        for dtype in Dtype::ALL {
            let x = Array::from([1, 0, 2, group.rank()]).astype(dtype).unwrap();
            let sum = group.all_sum(&x).unwrap();
            assert_eq!(sum.dtype(), dtype);
            let real = |x: Array| x.astype(Dtype::Float32).unwrap().to_vec::<f32>().unwrap();
            let expected = if dtype == Dtype::Bool { [1.0, 0.0, 1.0, 1.0] } else { [2.0, 0.0, 4.0, 1.0] };
            assert_eq!(real(sum), expected, "{dtype}");
            let (high, low) = (group.all_max(&x).unwrap(), group.all_min(&x).unwrap());
            assert_eq!((real(high)[3], real(low)[3]), (1.0, 0.0), "{dtype}");
            let all = real(group.all_gather(&x).unwrap());
            assert_eq!((all.len(), all[3], all[7]), (8, 0.0, 1.0), "{dtype}");
        }
        let i = Array::from(Complex64 { re: 0.0, im: 1.0 });
        let sum = group.all_sum(&i).unwrap().item::<Complex64>().unwrap();
        assert_eq!(sum, Complex64 { re: 0.0, im: 2.0 });
    });
}

#[test]
fn large_and_scattered_arrays_arrive_whole() {
    two("large_and_scattered_arrays_arrive_whole", |group| {
        let x = Array::arange(0..1_000_000).unwrap().reshape([1000, 1000]).unwrap();
        let sum = group.all_sum(&x.t().unwrap()).unwrap();
        assert!(
            (sum / 2).unwrap().astype(Dtype::Int32).unwrap().array_equal(&x.t().unwrap(), false).unwrap()
        );
        let same = Array::from(group.rank() + 1).broadcast_to([3, 5]).unwrap();
        assert_eq!(values::<i32>(group.all_sum(&same)), [3; 15]);
        let rows = group.all_gather(&x.index((.., 0)).unwrap()).unwrap();
        assert_eq!((rows.shape(), rows.index(1001).unwrap().item::<i32>().unwrap()), (&[2000][..], 1000));
        let scalars = group.all_gather(&Array::from(group.rank())).unwrap();
        assert_eq!(scalars.to_vec::<i32>().unwrap(), [0, 1]);
    });
}

#[test]
fn arrays_are_sent_both_ways() {
    two("arrays_are_sent_both_ways", |group| {
        let other = 1 - group.rank();
        for dtype in [Dtype::Float32, Dtype::Int64, Dtype::Uint8, Dtype::Bool, Dtype::Bfloat16] {
            let x = Array::from([0, group.rank(), 1]).astype(dtype).unwrap();
            let sent = group.send(&x, other).unwrap();
            let got = group.recv([3], dtype, other).unwrap();
            eval([&sent]).unwrap();
            let expected = Array::from([0, other, 1]).astype(dtype).unwrap();
            assert_eq!(got.dtype(), dtype);
            assert!(got.array_equal(&expected, false).unwrap(), "{dtype}");
            assert!(sent.array_equal(&x, false).unwrap(), "{dtype}");
        }
        let large = Array::arange(0..500_000).unwrap();
        if group.rank() == 0 {
            group.send(&large, 1).unwrap().eval().unwrap();
        } else {
            let got = group.recv(large.shape(), large.dtype(), 0).unwrap();
            assert!(got.array_equal(&large, false).unwrap());
        }
    });
}

#[test]
fn a_byte_that_is_no_truth_value_is_received_as_true() {
    two("a_byte_that_is_no_truth_value_is_received_as_true", |group| {
        if group.rank() == 0 {
            group.send(&Array::from([0_u8, 1, 2, 255]), 1).unwrap().eval().unwrap();
        } else {
            let got = group.recv([4], Dtype::Bool, 0).unwrap();
            assert_eq!(got.to_vec::<bool>().unwrap(), [false, true, true, true]);
            assert_eq!(got.astype(Dtype::Int32).unwrap().sum(..).unwrap().item::<i32>().unwrap(), 3);
        }
    });
}

#[test]
fn what_the_ring_cannot_do_is_an_error() {
    two("what_the_ring_cannot_do_is_an_error", |group| {
        let x = Array::from([1.0, 2.0]);
        let error = group.sum_scatter(&x).unwrap().eval().unwrap_err();
        assert_eq!(error.message(), "sum_scatter not supported.");
        assert_eq!(group.split(0, None).unwrap_err().message(), "Group split not supported.");
        assert_eq!(group.sum_scatter(&Array::from([1.0])).unwrap_err().op(), "sum_scatter");
        for process in [-1, 2, i32::MAX] {
            assert_eq!(group.send(&x, process).unwrap_err().op(), "send");
            assert_eq!(group.recv([1], Dtype::Float32, process).unwrap_err().op(), "recv");
        }
        let error = group.send(&x, group.rank()).unwrap().eval().unwrap_err();
        assert!(error.message().contains("only supported to direct neighbors"), "{error}");
        for shape in [&[-1][..], &[i32::MAX, i32::MAX]] {
            assert_eq!(group.recv(shape, Dtype::Int32, 0).unwrap_err().kind(), Kind::Shape);
        }
        let long = Array::from(1_u8).broadcast_to([(1 << 30) + 1, 0]).unwrap();
        assert_eq!(group.all_gather(&long).unwrap_err().kind(), Kind::Shape);
        assert_eq!(values::<f32>(group.all_sum(&x)), [2.0, 4.0]);
    });
}

#[test]
fn a_process_that_goes_away_is_an_error() {
    two("a_process_that_goes_away_is_an_error", |group| {
        assert_eq!(values::<i32>(group.all_sum(&Array::from([1]))), [2]);
        if group.rank() == 1 {
            std::process::exit(0);
        }
        let lost = group.recv([1 << 20], Dtype::Float32, 1).unwrap().eval().unwrap_err();
        assert_eq!(lost.message(), "connection to a peer was lost");
    });
}

#[test]
fn the_group_belongs_to_the_thread_that_connected() {
    two("the_group_belongs_to_the_thread_that_connected", |group| {
        assert_eq!(init(Backend::Ring, true).unwrap().rank(), group.rank());
        let error = spawn(|| init(Backend::Ring, true).unwrap_err()).join().unwrap();
        assert_eq!((error.kind(), error.op()), (Kind::Thread, "init"));
        assert_eq!(values::<i32>(group.all_sum(&Array::from([1]))), [2]);
    });
}

#[test]
fn one_process_is_a_group_of_itself() {
    let group = init(Backend::Any, false).unwrap();
    assert_eq!((group.rank(), group.size()), (0, 1));
    let x = Array::from([1, 2]);
    for same in [group.all_sum(&x), group.all_max(&x), group.all_min(&x), group.all_gather(&x)] {
        assert_eq!(values::<i32>(same), [1, 2]);
    }
    assert_eq!(values::<i32>(group.sum_scatter(&x)), [1, 2]);
    assert_eq!(group.send(&x, 0).unwrap_err().op(), "send");
    assert_eq!(group.recv([2], Dtype::Int32, 0).unwrap_err().op(), "recv");
    assert!(group.split(0, Some(1)).is_err());
}

#[test]
fn a_strict_start_without_a_configuration_is_an_error() {
    let error = init(Backend::Ring, true).unwrap_err();
    assert!(error.message().starts_with("You need to provide via environment variables"), "{error}");
    assert!(Backend::Ring.is_available());
    if !Backend::Nccl.is_available() {
        assert!(init(Backend::Nccl, true).is_err());
    }
}

/// MLX divides by the number of hosts.
#[test]
fn a_configuration_that_makes_no_ring_is_refused() {
    if ring::is_member() {
        let error = init(Backend::Ring, true).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Io, "init"));
        return;
    }
    let two = r#"[["127.0.0.1:1"], ["127.0.0.1:2"]]"#;
    let cases = [
        ("[]", "0"),
        (r#"[["127.0.0.1:1"]]"#, "0"),
        (r#"[[], ["127.0.0.1:2"]]"#, "0"),
        (two, "2"),
        (two, "-1"),
        (two, "one"),
        ("{}", "0"),
        ("", "0"),
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    for (hosts, rank) in cases {
        std::fs::write(file.path(), hosts).unwrap();
        let name = "distributed::a_configuration_that_makes_no_ring_is_refused";
        ring::succeed(ring::member(name, rank, file.path()));
    }
}
