//! Resampling and bilinear layers against Python's.

use mlx_core::random::Key;
use mlx_core::{Array, Dtype};
use mlx_nn::upsample::{Grid, Interpolation, Scale};
use mlx_nn::{Bilinear, Module, Upsample, Weights};

use crate::layer_case::{LayerCase, extents};

fn upsample(case: &LayerCase) -> Upsample {
    let grid = match case.text("grid") {
        "corners" => Grid::Corners,
        "antialiased" => Grid::Antialiased,
        _ => Grid::Centers,
    };
    let how = match case.text("mode") {
        "linear" => Interpolation::Linear(grid),
        "cubic" => Interpolation::Cubic(grid),
        _ => Interpolation::Nearest,
    };
    let scales = case.floats("scales");
    let scale = if case.flag("every_axis") { Scale::from(scales[0]) } else { scales.into() };
    Upsample::new(scale, how).unwrap()
}

#[test]
fn resampled_arrays_and_their_gradients_are_those_of_python() {
    for case in &LayerCase::all("upsample") {
        match case.text("layer") {
            "Upsample" => {
                case.check(|_| Ok(upsample(case)), |layer, x| Ok(vec![layer.forward(&x[0])?]));
            }
            "Bilinear" => {
                let [first, second, outputs] = case.ints("channels");
                case.check(
                    |w| Bilinear::load(w, [outputs, second, first], case.flag("bias")),
                    |layer, x| Ok(vec![layer.forward(&x[0], &x[1])?]),
                );
            }
            unknown => panic!("{unknown} is not tested"),
        }
    }
}

#[test]
fn whole_numbers_stay_such_only_where_nothing_is_blended() {
    let x = Array::from([1, 2, 3, 4]).reshape([1, 2, 2, 1]).unwrap();
    let nearest = Upsample::new([1.0, 2.0], Interpolation::Nearest).unwrap().forward(&x).unwrap();
    assert_eq!(nearest.to_vec::<i32>().unwrap(), [1, 1, 2, 2, 3, 3, 4, 4]);
    let linear = Upsample::new(2.0, Interpolation::Linear(Grid::Centers)).unwrap().forward(&x).unwrap();
    assert_eq!(linear.index((0, 0)).unwrap().to_vec::<f32>().unwrap(), [1.0, 1.25, 1.75, 2.0]);
}

#[test]
fn what_shrinks_to_nothing_is_empty() {
    let x = Array::ones([1, 3, 2], Dtype::Float32).unwrap();
    for how in [Interpolation::Nearest, Interpolation::Cubic(Grid::Antialiased)] {
        assert_eq!(Upsample::new(0.1, how).unwrap().forward(&x).unwrap().shape(), [1, 0, 2]);
    }
    let none = Array::ones([1, 0, 2], Dtype::Float32).unwrap();
    let how = Interpolation::Linear(Grid::Corners);
    assert_eq!(Upsample::new(2.0, how).unwrap().forward(&none).unwrap().shape(), [1, 0, 2]);
}

#[test]
fn scales_that_make_no_sense_are_refused() {
    for (factor, shown) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        let error = Upsample::new([1.0, factor], Interpolation::Nearest).unwrap_err();
        assert_eq!(error.to_string(), format!("scale_factor: {shown} is not a positive number"));
    }
    let layer = Upsample::new([2.0, 2.0], Interpolation::Nearest).unwrap();
    for shape in [&[1, 2, 3][..], &[2, 3], &[], &[1, 2, 2, 2, 1]] {
        let error = layer.forward(&Array::ones(shape, Dtype::Float32).unwrap()).unwrap_err();
        assert!(error.message().contains("has not one axis between"), "{error}");
    }
    let huge = Upsample::new(1e18, Interpolation::Nearest).unwrap();
    let error = huge.forward(&Array::ones([1, 2, 3], Dtype::Float32).unwrap()).unwrap_err();
    assert!(error.message().contains("is too long"), "{error}");
}

#[test]
fn a_fresh_bilinear_layer_starts_within_the_root_of_its_first_input() {
    let fresh = Weights::init(Key::new(7).unwrap());
    let extents = extents(&Bilinear::load(&fresh, [64, 8, 16], true).unwrap().parameters());
    for (name, (_, low, high)) in &extents {
        assert!(-0.25 <= *low && *low < -0.22 && *high <= 0.25 && *high > 0.22, "{name} {low} {high}");
    }
    assert_eq!(extents["weight"].0, [64, 8, 16]);
    assert!(Bilinear::load(&fresh, [2, 2, 0], true).is_err());
}
