//! The text of arrays.

use mlx_core::{Array, Complex64, Dtype, f16};

use crate::values::on_cpu;

#[test]
fn text_is_mlx_s_own() {
    assert_eq!(Array::from([1.0, 2.5]).to_string(), "array([1, 2.5], dtype=float32)");
    let truth = Array::from([[true], [false]]).to_string();
    assert_eq!(truth, "array([[true],\n       [false]], dtype=bool)");
    assert_eq!(Array::from(3).to_string(), "array(3, dtype=int32)");
    assert_eq!(
        Array::arange(0..2000).unwrap().to_string(),
        "array([0, 1, 2, ..., 1997, 1998, 1999], dtype=int32)"
    );
}

#[test]
fn a_precision_is_that_of_each_number() {
    let x = Array::from([1.0, -2.345_678, f32::NAN, f32::NEG_INFINITY]);
    assert_eq!(format!("{x:.2}"), "array([1.00, -2.35, nan, -inf], dtype=float32)");
    assert_eq!(format!("{x:.0}"), "array([1, -2, nan, -inf], dtype=float32)");
    assert_eq!(x.to_string(), "array([1, -2.34568, nan, -inf], dtype=float32)", "no other text has it");
    let z = Array::from([Complex64 { re: 1.0, im: -0.5 }, Complex64 { re: -1.25, im: 2.0 }]);
    assert_eq!(format!("{z:.1}"), "array([1.0-0.5j, -1.2+2.0j], dtype=complex64)");
    assert_eq!(format!("{:.3}", Array::from([f16::from_f32(0.1)])), "array([0.100], dtype=float16)");
    on_cpu(|| {
        let double = Array::from_slice(&[0.1_f64], [1]).unwrap();
        assert_eq!(format!("{double:.20}"), format!("array([{:.20}], dtype=float64)", 0.1_f64));
    });
    assert_eq!(
        format!("{:.3}", Array::from([7])),
        "array([7], dtype=int32)",
        "whole numbers have no digits there"
    );
}

#[test]
fn a_precision_leaves_the_layout_as_mlx_has_it() {
    on_cpu(|| {
        let shapes: [&[i32]; 9] = [&[], &[0], &[1], &[6], &[7], &[2, 0], &[2, 3], &[8, 1, 9], &[2, 2, 2, 2]];
        for shape in shapes {
            let x = Array::full(shape, 0.5, Dtype::Float32).unwrap();
            assert_eq!(format!("{x:.1}"), x.to_string(), "{shape:?}");
        }
        let rows = Array::arange(0.0..20.0).unwrap().reshape([10, 2]).unwrap();
        let whole = rows.astype(Dtype::Int32).unwrap().to_string().replace("int32", "float32");
        assert_eq!(format!("{rows:.0}"), whole);
    });
}
