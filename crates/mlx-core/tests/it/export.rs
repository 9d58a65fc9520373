//! Functions in files: what they give back, which arguments fit, damaged files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mlx_core::transform::{
    Export, Exporter, Keywords, Shapes, compile, export_function, grad, import_function, vmap,
};
use mlx_core::{Array, Dtype, Kind, Result, Slice, Tree, random};

use crate::values::{floats, near, ones};

fn path() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.mlxfn");
    (folder, path)
}

fn none() -> Keywords {
    BTreeMap::new()
}

/// What `f` gives for `x` after a way through a file.
fn through_file<T: Tree + 'static, U: Tree + 'static>(
    f: impl Fn(&T) -> Result<U> + 'static,
    x: &T,
) -> Result<Vec<Array>> {
    let (_folder, path) = path();
    export_function(&path, f, x)?;
    let out = import_function(&path)?.call(x, &none())?;
    mlx_core::eval(&out)?;
    Ok(out)
}

#[test]
fn a_function_is_the_same_after_its_way_through_a_file() {
    let x = Array::from([1.0, -2.0]);
    let out = through_file(|x: &Array| Ok((x.abs()?.sqrt()?, (x * 3.0)?.sum(..)?)), &x).unwrap();
    assert!((floats(&out[0])[1] - 2.0_f32.sqrt()).abs() < 1e-6);
    assert_eq!(floats(&out[1]), [-3.0]);
}

#[test]
fn trees_become_lists_of_arrays_in_order() {
    let tree = BTreeMap::from([("b".to_owned(), Array::from(2.0)), ("a".to_owned(), Array::from(1.0))]);
    let out = through_file(|t: &BTreeMap<String, Array>| &t["a"] - &t["b"], &tree);
    assert_eq!(floats(&out.unwrap()[0]), [-1.0]);
}

#[test]
fn captured_arrays_of_any_layout_are_written() {
    let base = Array::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let constants = [
        base.clone(),
        base.t().unwrap(),
        base.index((.., Slice::step_by(.., -1))).unwrap(),
        base.index((1.., 1..)).unwrap(),
        Array::from(7.0).broadcast_to([4, 5]).unwrap(),
        base.exp().unwrap(),
    ];
    for evaluated in [false, true] {
        for constant in &constants {
            if evaluated {
                constant.eval().unwrap();
            }
            let f = {
                let c = constant.clone();
                move |x: &Array| Ok(((&c * x)?, c.clone()))
            };
            let out = through_file(f, &Array::from(2.0)).unwrap();
            let expected = (constant * 2.0).unwrap();
            assert_eq!((floats(&out[0]), floats(&out[1])), (floats(&expected), floats(constant)));
        }
    }
    let running = ones([1000]).exp().unwrap();
    mlx_core::async_eval([&running]).unwrap();
    let f = {
        let c = running.clone();
        move |x: &Array| &c * x
    };
    assert_eq!(floats(&through_file(f, &Array::from(1.0)).unwrap()[0]), floats(&running));
}

#[test]
fn arguments_of_another_shape_type_or_number_do_not_fit() {
    let (_folder, path) = path();
    export_function(&path, |x: &Array| x + 1.0, &ones([2])).unwrap();
    let f = import_function(&path).unwrap();
    assert_eq!(floats(&f.call(&ones([2]), &none()).unwrap()[0]), [2.0, 2.0]);
    let two = (ones([2]), ones([2]));
    let named = Keywords::from([("x".to_owned(), ones([2]))]);
    for error in [
        f.call(&ones([3]), &none()),
        f.call(&ones([2, 1]), &none()),
        f.call(&Array::from([1, 2]), &none()),
        f.call(&(), &none()),
        f.call(&two, &none()),
        f.call(&ones([2]), &named),
    ] {
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Mlx, "import_function"));
        assert!(error.message().contains("No imported function found"), "{error}");
    }
}

#[test]
fn arguments_have_names() {
    let (_folder, path) = path();
    let f = |x: &Array, k: &Keywords| (x * &k["scale"])? + &k["offset"];
    let mut exporter = Exporter::create(&path, f, Export::default()).unwrap();
    let keywords = |scale: f32, offset: f32| {
        Keywords::from([("scale".to_owned(), Array::from(scale)), ("offset".to_owned(), Array::from(offset))])
    };
    exporter.trace(&ones([2]), &keywords(1.0, 2.0)).unwrap();
    exporter.finish().unwrap();
    let f = import_function(&path).unwrap();
    assert_eq!(floats(&f.call(&ones([2]), &keywords(10.0, 0.5)).unwrap()[0]), [10.5, 10.5]);
    let mut wrong = keywords(1.0, 2.0);
    let scale = wrong.remove("scale").unwrap();
    wrong.insert("size".to_owned(), scale);
    assert!(f.call(&ones([2]), &wrong).is_err());
}

#[test]
fn one_file_holds_several_traces() {
    let (_folder, path) = path();
    let sum = |xs: &Vec<Array>, _: &Keywords| {
        let zero = Array::from(0.0);
        xs.iter().try_fold(zero, |sum, x| sum + &x.sum(..)?)
    };
    let mut exporter = Exporter::create(&path, sum, Export::default()).unwrap();
    for n in 1..4 {
        exporter.trace(&vec![ones([n]); n as usize], &none()).unwrap();
    }
    exporter.finish().unwrap();
    let f = import_function(&path).unwrap();
    for n in 1..4 {
        let out = f.call(&vec![ones([n]); n as usize], &none()).unwrap();
        assert_eq!(floats(&out[0]), [(n * n) as f32]);
    }
    assert!(f.call(&vec![ones([1]); 4], &none()).is_err());
}

#[test]
fn a_trace_that_is_there_or_that_failed_ends_the_file() {
    let (_folder, path) = path();
    let f = |x: &Array, _: &Keywords| x.reshape([2]);
    let begin = || Exporter::create(&path, f, Export::default()).unwrap();
    let mut exporter = begin();
    exporter.trace(&ones([2]), &none()).unwrap();
    assert!(exporter.trace(&ones([2]), &none()).unwrap_err().message().contains("twice"));
    assert!(exporter.finish().is_err() && !path.exists());
    let mut exporter = begin();
    let line = line!() + 1;
    let error = exporter.trace(&ones([3]), &none()).unwrap_err();
    assert_eq!((error.op(), error.at().line() < line), ("reshape", true));
    for _ in 0..3 {
        let error = exporter.trace(&ones([2]), &none()).unwrap_err();
        assert!(error.message().contains("an earlier trace failed"), "{error}");
    }
    assert!(exporter.finish().is_err() && !path.exists());
}

#[test]
fn a_file_keeps_text_and_version() {
    let (_folder, path) = path();
    let export = Export { metadata: "π = 3".to_owned(), ..Export::default() };
    let mut exporter = Exporter::create(&path, |x: &Array, _: &Keywords| x + 1.0, export).unwrap();
    exporter.trace(&ones([1]), &none()).unwrap();
    exporter.finish().unwrap();
    let f = import_function(&path).unwrap();
    assert_eq!((f.metadata(), f.version()), ("π = 3", mlx_core::version().unwrap().as_str()));
}

#[test]
fn one_trace_serves_any_shapes() {
    let (_folder, path) = path();
    let export = Export { shapes: Shapes::Any, ..Export::default() };
    let f = |(x, w): &(Array, Array), _: &Keywords| (x.matmul(w)?.exp()? + 1.0)?.sum(0);
    let mut exporter = Exporter::create(&path, f, export).unwrap();
    exporter.trace(&(ones([2, 3]), ones([3, 4])), &none()).unwrap();
    exporter.finish().unwrap();
    let f = import_function(&path).unwrap();
    let out = f.call(&(ones([5, 2]), ones([2, 1])), &none()).unwrap();
    assert!((floats(&out[0])[0] - 5.0 * (2.0_f32.exp() + 1.0)).abs() < 1e-3);
    assert!(f.call(&(ones([2, 3]), ones([4, 4])), &none()).is_err());
    assert!(f.call(&(ones([3]), ones([3])), &none()).is_err());
}

#[test]
fn random_numbers_are_drawn_from_a_key_that_is_an_argument() {
    let key = random::Key::new(9).unwrap();
    let draw = |key: &random::Key| random::normal([4], Dtype::Float32, key);
    let out = through_file(draw, &key).unwrap();
    assert_eq!(floats(&out[0]), floats(&draw(&key).unwrap()));
}

#[test]
fn ops_that_pick_and_sort_are_written() {
    let x = Array::from([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]]);
    let f = |x: &Array| {
        let sorted = x.sort(1)?;
        Ok([sorted.take(&Array::from([1]), 0)?, x.take_along_axis(&x.argsort(1)?, 1)?, x.softmax(-1)?])
    };
    let out = through_file(f, &x).unwrap();
    // What is written are MLX's own ops, and not the kernels that take their place here.
    for (found, expected) in out.iter().zip(f(&x).unwrap()) {
        let same = floats(found).iter().zip(floats(&expected)).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(same, "{found:?} instead of {expected:?}");
    }
}

#[test]
fn transformed_functions_are_written() {
    let x = Array::from([1.0, 2.0]);
    let out = through_file(grad(|x: &Array| (x * x)?.sum(..)), &x).unwrap();
    assert_eq!(floats(&out[0]), [2.0, 4.0]);
    let out = through_file(vmap(|x: &Array| x * 2.0, 0, 0), &x).unwrap();
    assert_eq!(floats(&out[0]), [2.0, 4.0]);
    let out = through_file(compile(|x: &Array| (x * 2.0)? + 1.0, Shapes::Exact), &x).unwrap();
    assert_eq!(floats(&out[0]), [3.0, 5.0]);
}

#[test]
fn imported_functions_are_transformed() {
    let (_folder, path) = path();
    export_function(&path, |x: &Array| x.exp()?.sum(..), &ones([2])).unwrap();
    let f = import_function(&path).unwrap();
    let call = |x: &Array| Ok(f.call(x, &none())?.remove(0));
    let x = Array::from([0.0, 1.0]);
    let dx = grad(call)(&x).unwrap();
    assert!(dx.allclose(x.exp().unwrap(), near(1e-6, 0.0)).unwrap());
    let rows = vmap(call, 0, 0)(&ones([3, 2])).unwrap();
    assert_eq!(rows.shape(), [3]);
}

#[test]
fn a_function_is_imported_on_a_thread_that_is_not_the_first() {
    let (_folder, path) = path();
    let w = Array::from([1.0, 2.0]);
    export_function(&path, move |x: &Array| (x * &w)?.exp(), &ones([2])).unwrap();
    for _ in 0..2 {
        let path = path.clone();
        let thread = std::thread::spawn(move || {
            let f = import_function(path).unwrap();
            floats(&f.call(&Array::from([0.0, 0.0]), &none()).unwrap()[0])
        });
        assert_eq!(thread.join().unwrap(), [1.0, 1.0]);
    }
}

#[test]
fn what_cannot_be_written_leaves_the_old_file() {
    let (folder, path) = path();
    export_function(&path, |x: &Array| x + 1.0, &ones([1])).unwrap();
    let old = std::fs::read(&path).unwrap();
    let x = ones([1]);
    let captured = {
        let x = x.clone();
        move |y: &Array| &x + y
    };
    assert!(export_function(&path, captured, &x).unwrap_err().message().contains("uncaptured"));
    assert!(export_function(&path, |x: &Array| x.reshape([9]), &x).is_err());
    assert!(export_function(&path, |x: &Array| Ok(vec![x.item::<f32>()?; 1].len().to_string()), &x).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), old);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1);
    let error = export_function(folder.path().join("no/f"), |x: &Array| x + 1.0, &x).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    let zero = export_function("a\0b", |x: &Array| x + 1.0, &x);
    assert!(zero.is_err());
}

#[test]
fn a_trace_that_was_let_out_is_no_constant_of_a_file() {
    let out = std::cell::RefCell::new(None);
    let keep = |x: &Array| {
        out.replace(Some(x.clone()));
        Ok(x.clone())
    };
    vmap(keep, 0, 0)(&ones([3])).unwrap();
    let old = out.take().unwrap();
    let (_folder, path) = path();
    let error = export_function(&path, move |x: &Array| x * &old, &ones([2])).unwrap_err();
    assert!(error.message().contains("without a value"), "{error}");
}

#[test]
fn a_damaged_file_is_refused() {
    let (folder, path) = path();
    let w = Array::from([1.0, 2.0, 3.0]);
    export_function(&path, move |x: &Array| (x * &w)?.exp()?.sum(..), &ones([3])).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut");
    for length in 0..whole.len() {
        std::fs::write(&cut, &whole[..length]).unwrap();
        let result = import_function(&cut).and_then(|f| mlx_core::eval(&f.call(&ones([3]), &none())?));
        assert!(result.is_err(), "{length} of {}", whole.len());
    }
    std::fs::write(&cut, vec![255; 100]).unwrap();
    assert_eq!(import_function(&cut).err().unwrap().kind(), Kind::Io);
    assert_eq!(import_function(folder.path().join("none")).err().unwrap().kind(), Kind::Io);
    assert!(import_function(folder.path()).is_err());
}
