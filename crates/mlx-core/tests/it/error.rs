//! What an error says: the op, MLX's words, and the caller's line.

use mlx_core::io::{load_safetensors, save_safetensors};
use mlx_core::random::{self, Key};
use mlx_core::{
    Array, Closeness, Device, Dtype, Error, Kind, PadMode, Quantization, Quantized, Result, Side, Steps,
    Update, broadcast_arrays, broadcast_shapes, fast, select, stack,
};

#[test]
fn an_error_is_one_pointer_wide_and_goes_between_threads() {
    fn sent<T: Send + Sync + std::error::Error + 'static>() {}
    sent::<Error>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
}

#[test]
fn an_error_has_mlx_s_words_without_its_source_place() {
    let (a, b) =
        (Array::zeros([2, 3], Dtype::Float32).unwrap(), Array::zeros([2, 3], Dtype::Float32).unwrap());
    let line = line!() + 1;
    let error = a.matmul(&b).unwrap_err();
    assert_eq!((error.kind(), error.op()), (Kind::Mlx, "matmul"));
    assert!(error.message().starts_with("Last dimension of first input"), "{error}");
    assert!(!error.message().contains(".cpp") && !error.message().contains(" at /"), "{error}");
    assert_eq!(error.to_string(), format!("matmul: {} (at {}:{line})", error.message(), file!()));
    assert!(format!("{error:?}").starts_with("Mlx: matmul: "));
}

/// Stops unless every error points at a line of this file between `from` and `to`.
#[track_caller]
fn assert_here(from: u32, to: u32, errors: Vec<Option<Error>>) {
    for (at, error) in errors.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("case {at} did not fail"));
        let place = error.at();
        let here = place.file() == file!() && (from..=to).contains(&place.line());
        assert!(here, "case {at} points at {place}: {error}");
    }
}

#[test]
fn errors_of_arrays_point_at_the_caller() {
    let x = Array::from([1.0, 2.0]);
    let from = line!();
    let errors = vec![
        Array::from_slice(&[1.0_f32], [2]).err(),
        Array::zeros([-1], Dtype::Float32).err(),
        x.dim(3).err(),
        x.dims::<2>().err(),
        x.item::<f32>().err(),
        x.item::<i32>().err(),
        x.to_vec::<i32>().err(),
        x.index(7).err(),
        x.index((0, 0)).err(),
        x.index((&Array::from([0]), &Array::from([0]))).err(),
        (&x + &Array::from([1.0, 2.0, 3.0])).err(),
        (x.clone() % Array::from([1.0, 2.0, 3.0])).err(),
        ((&x + 1.0) * &Array::from([1.0, 2.0, 3.0])).err(),
        (1.0 - &x).and_then(|y| y.reshape([3])).err(),
        x.maximum(Array::from([1.0, 2.0, 3.0])).err(),
        x.floor_divide(Array::from([1.0, 2.0, 3.0])).err(),
        x.take(&Array::from([0]), 4).err(),
        x.take(&Array::from([0.5]), 0).err(),
        x.argmax([0, 1]).err(),
        x.sum(4).err(),
        x.split(3, 0).err(),
        x.pad([(5, 1, 1)], 0).err(),
        x.broadcast_to([3]).err(),
        x.slice_update(&x, [1]).err(),
        x.allclose(Array::from([1.0, 2.0, 3.0]), Closeness::default()).err(),
        stack([&x, &Array::from(1.0)], 0).err(),
        select(&x, &x, Array::from([1.0, 2.0, 3.0])).err(),
    ];
    assert_here(from, line!(), errors);
}

#[test]
fn errors_of_places_point_at_the_caller() {
    let x = Array::from([[1.0, 2.0], [3.0, 4.0]]);
    let (far, half, one) = (Array::from([0, 0, 0]), Array::from([0.5]), Array::from([0]));
    let three = Array::from([1.0, 2.0, 3.0]);
    let (mask, single) = (Array::from([true]), Array::from([1.0]).reshape([1, 1, 1]).unwrap());
    let from = line!();
    let errors = vec![
        x.index([2]).err(),
        x.index(&half).err(),
        x.index(&mask).err(),
        x.index((&far, [0, 1])).err(),
        x.at(2).set(0).err(),
        x.at([2]).add(0).err(),
        x.at(&half).multiply(0).err(),
        x.at(0).maximum(&three).err(),
        x.at([0]).minimum(&three).err(),
        x.at((&far, [0, 1])).subtract(0).err(),
        x.at(&mask).divide(0).err(),
        one.at(0).divide(1).err(),
        x.gather([(2, &one)], [1, 1]).err(),
        x.gather([(0, &half)], [1, 1]).err(),
        x.gather([(0, &one), (0, &one)], [1, 1]).err(),
        x.scatter([(0, &one)], &x, Update::Set).err(),
        x.scatter([(0, &one)], &three, Update::Add).err(),
        x.scatter([(0, &one), (0, &one)], &single, Update::Maximum).err(),
        x.put_along_axis(&one, 0, 0).err(),
        x.put_along_axis(&half, 0, ..).err(),
        x.scatter_add_axis(&one, 0, 5).err(),
        x.slice_dynamic(&half, [0], [1, 1]).err(),
        x.slice_dynamic(&one, [5], [1, 1]).err(),
        x.slice_update_dynamic(&three, &one, [0]).err(),
        x.sort(2).err(),
        x.argsort([0, 1]).err(),
        x.partition(2, 0).err(),
        x.argpartition(4, ..).err(),
        x.topk(3, 0).err(),
        x.searchsorted(0, Side::Left).err(),
        Array::from(1).nonzero().err(),
        Array::from(1).iter().err(),
    ];
    assert_here(from, line!(), errors);
}

#[test]
fn errors_of_other_modules_point_at_the_caller() {
    let x = Array::from([1.0, 2.0]);
    let key = Key::new(0).unwrap();
    let path = std::env::temp_dir().join("no such folder").join("x.safetensors");
    let twice = [("a", &x), ("a", &x)];
    let from = line!();
    let errors = vec![
        Device::gpu(7).err(),
        Device::Gpu(7).scope(|| Ok(())).err(),
        fast::rms_norm(&x, Some(&Array::from([1.0])), 0.0).err(),
        random::normal([-1], Dtype::Float32, &key).err(),
        random::uniform([-1], 0.0, 1.0, Dtype::Float32, &key).err(),
        Quantized::of(&x, Quantization::affine(4, 64)).err(),
        Quantized::of(&x, Quantization::affine(1, 64)).err(),
        load_safetensors(&path).err(),
        save_safetensors(&path, [("x", &x)], &Default::default()).err(),
        save_safetensors(&path, twice, &Default::default()).err(),
    ];
    assert_here(from, line!(), errors);
}

#[test]
fn errors_of_shapes_and_numbers_point_at_the_caller() {
    let (x, three) = (Array::from([1.0, 2.0]), Array::from([1.0, 2.0, 3.0]));
    let from = line!();
    let errors = vec![
        (&x & &x).err(),
        (!&x).err(),
        (Array::from([1]) << &three).err(),
        x.left_shift(&x).err(),
        x.divmod(&three).err(),
        x.isclose(&three, Closeness::default()).err(),
        x.allclose(&three, Closeness::default()).err(),
        x.clip(&three..).err(),
        x.clip(..=&three).err(),
        Array::from([1]).to_fp8().err(),
        x.full_like(&three).err(),
        x.median([0, 0]).err(),
        x.std(1, 0).err(),
        x.number_of_elements(1, Dtype::Int32).err(),
        x.cumprod(1).err(),
        x.logcumsumexp(-2).err(),
        x.diff(-1, 0).err(),
        x.diff(1, 1).err(),
        x.expand_dims(..).err(),
        x.flatten(0, 1).err(),
        x.unflatten(0, [3]).err(),
        x.unflatten(0, [0, -1]).err(),
        x.moveaxis(0, 1).err(),
        x.roll(1, 1).err(),
        x.flip(1).err(),
        x.tile([-1]).err(),
        x.as_strided([3], &[1], 0).err(),
        x.diag(i32::MAX).err(),
        x.diagonal(0).err(),
        x.trace(0).err(),
        x.unstack(1).err(),
        x.pad([(0, 1, 1), (0, 1, 1)], PadMode::Edge).err(),
        x.pad([(0, i32::MAX, 1)], PadMode::Reflect).err(),
        broadcast_arrays([&x, &three]).err(),
        broadcast_shapes([&[2][..], &[3]]).err(),
        Array::arange(Steps::by(0..1, 0)).err(),
        Array::linspace(0.0..=300.0, 2, Dtype::Uint8).err(),
        Array::linspace(0.0..=1.0, -1, Dtype::Float32).err(),
        Array::eye([-1, 1], 0, Dtype::Float32).err(),
        Array::tri([-1, 1], 0, Dtype::Float32).err(),
    ];
    assert_here(from, line!(), errors);
}

#[test]
fn an_error_of_eval_points_at_the_eval() {
    let folder = tempfile::tempdir().unwrap();
    let errors = [cut_off(&folder, "a").eval(), mlx_core::eval([&cut_off(&folder, "b")])];
    let line = line!() - 1;
    for error in errors.map(Result::unwrap_err) {
        assert_eq!((error.op(), error.at().line()), ("eval", line));
    }
    assert_eq!(cut_off(&folder, "c").to_vec::<u8>().unwrap_err().op(), "eval");
    assert_eq!((cut_off(&folder, "d") + 1).unwrap().item::<u8>().unwrap_err().op(), "eval");
}

/// An array of one byte that cannot be computed, as its file has lost it.
fn cut_off(folder: &tempfile::TempDir, name: &str) -> Array {
    let path = folder.path().join(name).with_extension("safetensors");
    save_safetensors(&path, [("x", &Array::from([1_u8]))], &Default::default()).unwrap();
    let x = load_safetensors(&path).unwrap().arrays.remove("x").unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    x
}
