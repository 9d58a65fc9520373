//! Layers of many experts against each expert alone, and how they load.

use std::collections::BTreeMap;

use mlx_core::random::{self, Key};
use mlx_core::{Array, Closeness, Dtype, Quantization, QuantizationMode, Quantized, eval, memory, stack};
use mlx_nn::{Error, Linear, Matrix, Module, SwitchLinear, Weights};

const SCHEMES: [Quantization; 4] = [
    Quantization::affine(4, 32),
    Quantization { mode: QuantizationMode::Mxfp4, bits: 4, group_size: 32 },
    Quantization { mode: QuantizationMode::Mxfp8, bits: 8, group_size: 32 },
    Quantization { mode: QuantizationMode::Nvfp4, bits: 4, group_size: 16 },
];

fn drawn(seed: u64, shape: &[i32]) -> Array {
    random::normal(shape, Dtype::Float32, &Key::new(seed).unwrap()).unwrap()
}

#[track_caller]
fn assert_close(actual: &Array, expected: &Array, what: &str) {
    let close = Closeness { atol: 1e-4, ..Closeness::default() };
    assert!(actual.allclose(expected, close).unwrap(), "{what}");
}

/// The weights of six experts, in floats and in every scheme.
fn forms() -> Vec<Matrix> {
    let weight = drawn(1, &[6, 24, 64]);
    let quantized = SCHEMES.map(|scheme| Quantized::of(&weight, scheme).unwrap().into());
    [vec![weight.into()], quantized.into()].concat()
}

/// Expert `number` as a layer of its own.
fn expert(weight: &Matrix, bias: &Array, number: i32) -> Linear {
    Linear::new(weight.floats().unwrap().index(number).unwrap(), Some(bias.index(number).unwrap()))
}

#[test]
fn each_token_passes_the_experts_that_are_chosen_for_it() {
    let (x, bias) = (drawn(2, &[5, 1, 1, 64]), drawn(3, &[6, 24]));
    let chosen = [[0, 5], [3, 3], [1, 0], [4, 2], [5, 4]];
    for weight in forms() {
        let layer = SwitchLinear::new(weight.clone(), Some(bias.clone()));
        let y = layer.forward(&x, &Array::from(chosen), false).unwrap();
        assert_eq!(y.shape(), [5, 2, 1, 24]);
        for (token, experts) in (0..).zip(chosen) {
            for (place, number) in (0..).zip(experts) {
                let alone = expert(&weight, &bias, number).forward(&x.index((token, 0)).unwrap()).unwrap();
                let y = y.index((token, place)).unwrap();
                assert_close(&y, &alone, &format!("token {token}, expert {number}"));
            }
        }
    }
}

#[test]
fn sorted_tokens_give_what_others_give() {
    let x = drawn(2, &[4, 1, 64]);
    let chosen = Array::from([0, 2, 2, 5]);
    for weight in forms() {
        let layer = SwitchLinear::new(weight, None);
        let [sorted, not] = [true, false].map(|sorted| layer.forward(&x, &chosen, sorted).unwrap());
        assert_close(&sorted, &not, "sorted");
    }
}

#[test]
fn half_types_agree_for_few_and_for_many_tokens() {
    let weight = drawn(1, &[6, 24, 64]).astype(Dtype::Float16).unwrap();
    let layer = SwitchLinear::new(weight.clone(), None);
    let wide = SwitchLinear::new(weight.astype(Dtype::Float32).unwrap(), None);
    for tokens in [2, 9] {
        let x = drawn(2, &[tokens, 1, 1, 64]).astype(Dtype::Float16).unwrap();
        let chosen = (Array::arange(0..tokens).unwrap() % 6).unwrap().expand_dims(1).unwrap();
        let y = layer.forward(&x, &chosen, false).unwrap();
        assert_eq!(y.dtype(), Dtype::Float16);
        let expected = wide.forward(&x.astype(Dtype::Float32).unwrap(), &chosen, false).unwrap();
        let close = Closeness { rtol: 2e-3, atol: 2e-2, ..Closeness::default() };
        assert!(y.allclose(&expected, close).unwrap(), "{tokens} tokens");
    }
}

#[test]
fn experts_that_are_not_chosen_are_not_widened() {
    let weight = Array::ones([64, 128, 128], Dtype::Bfloat16).unwrap();
    let (x, chosen) = (drawn(2, &[1, 1, 1, 128]).astype(Dtype::Bfloat16).unwrap(), Array::from([[3, 60]]));
    eval([&weight, &x, &chosen]).unwrap();
    let layer = SwitchLinear::new(weight.clone(), None);
    memory::reset_peak().unwrap();
    let before = memory::active().unwrap();
    layer.forward(&x, &chosen, false).unwrap().eval().unwrap();
    let used = memory::peak().unwrap() - before;
    assert!(used < weight.nbytes() / 4, "{used} bytes for two of {}", weight.nbytes());
}

#[test]
fn a_stack_multiplies_each_with_its_own() {
    let (x, back) = (drawn(2, &[2, 6, 3, 64]), drawn(3, &[2, 6, 3, 24]));
    for weight in forms() {
        let floats = weight.floats().unwrap();
        let expected = x.matmul(floats.swapaxes(-1, -2).unwrap()).unwrap();
        assert_close(&weight.project(&x).unwrap(), &expected, "along the rows");
        let expected = back.matmul(&floats).unwrap();
        assert_close(&weight.project_back(&back).unwrap(), &expected, "along the columns");
    }
}

#[test]
fn some_rows_are_a_matrix_of_their_own() {
    for weight in forms() {
        let part = weight.part(8..).unwrap().floats().unwrap();
        let expected = weight.floats().unwrap().index((.., 8..)).unwrap();
        assert!(part.array_equal(&expected, false).unwrap());
    }
}

/// The arrays of experts that a checkpoint keeps apart.
fn apart(matrices: &[Matrix]) -> Weights {
    let mut arrays = BTreeMap::new();
    for (number, matrix) in matrices.iter().enumerate() {
        for (part, array) in matrix.parameters() {
            arrays.insert(format!("{number}.{part}"), array.clone());
        }
    }
    Weights::new(arrays, None)
}

fn gathered(matrices: &[Matrix]) -> Result<Matrix, Error> {
    let scopes: Vec<_> = (0..matrices.len()).collect();
    apart(matrices).build(|w| {
        let scopes: Vec<_> = scopes.iter().map(|number| w.at(number)).collect();
        Matrix::gathered(&scopes, [24, 64])
    })
}

#[test]
fn matrices_that_are_stored_apart_become_a_stack() {
    for weight in forms() {
        let Matrix::Dense { weight: floats } = weight else { continue };
        let each: Vec<_> = floats.unstack(0).unwrap();
        for scheme in [None].into_iter().chain(SCHEMES.map(Some)) {
            let matrices: Vec<Matrix> = each
                .iter()
                .map(|each| match scheme {
                    Some(scheme) => Quantized::of(each, scheme).unwrap().into(),
                    None => each.clone().into(),
                })
                .collect();
            let expected: Vec<_> = matrices.iter().map(|matrix| matrix.floats().unwrap()).collect();
            let stack = stack(&expected, 0).unwrap();
            let loaded = gathered(&matrices).unwrap();
            assert_eq!(matches!(loaded, Matrix::Quantized(_)), scheme.is_some());
            assert!(loaded.floats().unwrap().array_equal(&stack, false).unwrap());
        }
    }
}

#[test]
fn a_stack_of_matrices_that_are_stored_otherwise_is_refused_by_name() {
    let quantized =
        |bits| Quantized::of(&drawn(1, &[24, 64]), Quantization::affine(bits, 32)).unwrap().into();
    let error = gathered(&[quantized(4), quantized(8), drawn(1, &[24, 64]).into()]).unwrap_err().to_string();
    assert!(error.contains("1.weight (found affine 8-bit, groups of 32, expected affine 4-bit"), "{error}");
    assert!(error.contains("2.weight (found floats"), "{error}");
}
