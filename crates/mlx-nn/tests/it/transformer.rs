//! Attention and transformers against Python's.

use mlx_core::fast::Mask;
use mlx_core::random::{Key, normal};
use mlx_core::transform::{Shapes, compile, value_and_grad};
use mlx_core::{Array, Dtype, Tree};
use mlx_nn::{
    AttentionOptions, Module, MultiHeadAttention, Nonlinearity, Transformer, TransformerDecoder,
    TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer, TransformerMasks,
    TransformerOptions, Weights, gelu, relu, silu,
};

use crate::layer_case::{LayerCase, relative_error};

const DIMS: i32 = 8;
const HEADS: i32 = 2;

fn check_attention(case: &LayerCase) {
    let options = AttentionOptions {
        query_input_dims: case.optional_int("query_input_dims"),
        key_input_dims: case.optional_int("key_input_dims"),
        value_input_dims: case.optional_int("value_input_dims"),
        value_dims: case.optional_int("value_dims"),
        value_output_dims: case.optional_int("value_output_dims"),
        bias: case.optional_flag("bias").unwrap_or_default(),
    };
    let allowed = case.arrays("mask").pop_first().map(|(_, mask)| mask.astype(Dtype::Bool).unwrap());
    case.check(
        |w| MultiHeadAttention::load(w, DIMS, HEADS, options),
        |layer, all| {
            let mask = match (case.text("mask"), &allowed) {
                ("additive", _) => Mask::Array(&all[3]),
                ("boolean", Some(allowed)) => Mask::Array(allowed),
                ("causal", _) => Mask::Causal,
                _ => Mask::None,
            };
            Ok(vec![layer.forward(&all[0], &all[1], &all[2], mask)?])
        },
    );
}

fn check_transformer(case: &LayerCase, checkpoint: bool) {
    let activation = match case.text("activation") {
        "gelu" => Nonlinearity(gelu),
        "silu" => Nonlinearity(silu),
        _ => Nonlinearity(relu),
    };
    let options = TransformerOptions {
        mlp_dims: case.optional_int("mlp_dims"),
        activation,
        norm_first: case.flag("norm_first"),
        checkpoint,
        ..TransformerOptions::default()
    };
    let layers = case.optional_int("layers").unwrap_or_default() as usize;
    match case.text("layer") {
        "TransformerEncoderLayer" => case.check(
            |w| TransformerEncoderLayer::load(w, DIMS, HEADS, options),
            |layer, all| Ok(vec![layer.forward(&all[0], Mask::Array(&all[1]), None)?]),
        ),
        "TransformerEncoder" => case.check(
            |w| TransformerEncoder::load(w, layers, DIMS, HEADS, options),
            |encoder, all| Ok(vec![encoder.forward(&all[0], Mask::Array(&all[1]), None)?]),
        ),
        "TransformerDecoderLayer" => case.check(
            |w| TransformerDecoderLayer::load(w, DIMS, HEADS, options),
            |layer, all| {
                Ok(vec![layer.forward(&all[0], &all[1], [2, 3].map(|at| Mask::Array(&all[at])), None)?])
            },
        ),
        "TransformerDecoder" => case.check(
            |w| TransformerDecoder::load(w, layers, DIMS, HEADS, options),
            |decoder, all| {
                Ok(vec![decoder.forward(&all[0], &all[1], [2, 3].map(|at| Mask::Array(&all[at])), None)?])
            },
        ),
        "Transformer" => case.check(
            |w| Transformer::load(w, DIMS, HEADS, [layers, 1], options),
            |model, all| {
                let masks = TransformerMasks { target: Mask::Array(&all[2]), ..Default::default() };
                Ok(vec![model.forward(&all[0], &all[1], masks, None)?])
            },
        ),
        unknown => panic!("{unknown} is not tested"),
    }
}

#[test]
fn attention_and_its_gradients_are_those_of_python() {
    let cases = LayerCase::all("transformer");
    cases.iter().filter(|case| case.text("layer") == "MultiHeadAttention").for_each(check_attention);
}

#[test]
fn transformers_and_their_gradients_are_those_of_python() {
    for case in LayerCase::all("transformer").iter().filter(|case| case.text("layer") != "MultiHeadAttention")
    {
        check_transformer(case, false);
    }
}

#[test]
fn gradients_that_compute_layers_again_are_the_same() {
    let cases = LayerCase::all("transformer");
    for case in cases.iter().filter(|case| case.optional_int("layers").is_some()) {
        check_transformer(case, true);
    }
}

#[test]
fn the_causal_mask_is_that_of_python() {
    for dtype in [Dtype::Float32, Dtype::Float16, Dtype::Bfloat16] {
        let mask = MultiHeadAttention::create_additive_causal_mask(3, dtype).unwrap();
        assert_eq!((mask.shape(), mask.dtype()), (&[3, 3][..], dtype));
        let least = dtype.finfo().unwrap().min as f32;
        let expected = [0.0, least, least, 0.0, 0.0, least, 0.0, 0.0, 0.0];
        assert_eq!(mask.astype(Dtype::Float32).unwrap().to_vec::<f32>().unwrap(), expected);
    }
    let error = MultiHeadAttention::create_additive_causal_mask(3, Dtype::Int32).unwrap_err();
    assert!(error.message().contains("take a floating-point type"), "{error}");
}

fn fresh() -> Weights {
    Weights::init(Key::new(5).unwrap())
}

#[test]
fn dropout_is_drawn_with_the_key_and_is_the_same_when_computed_again() {
    let load = |checkpoint| {
        let options = TransformerOptions { dropout: 0.4, checkpoint, ..TransformerOptions::default() };
        Transformer::load(&fresh(), DIMS, HEADS, [2, 1], options).unwrap()
    };
    let x = normal([1, 3, DIMS], Dtype::Float32, &Key::new(1).unwrap()).unwrap();
    let run = |checkpoint: bool, seed: Option<u64>| {
        let mut key = seed.map(|seed| Key::new(seed).unwrap());
        load(checkpoint).forward(&x, &x, Default::default(), key.as_mut()).unwrap()
    };
    let same = |a: &Array, b: &Array| a.allclose(b, Default::default()).unwrap();
    let drawn = run(false, Some(1));
    assert!(same(&drawn, &run(false, Some(1))) && same(&drawn, &run(true, Some(1))));
    assert!(!same(&drawn, &run(false, Some(2))) && !same(&drawn, &run(false, None)));
    assert!(same(&run(false, None), &run(true, None)));
}

#[test]
fn names_are_those_of_a_checkpoint() {
    let options = TransformerOptions::default();
    let model = Transformer::load(&fresh(), DIMS, HEADS, [1, 1], options).unwrap();
    let parameters = model.parameters();
    let shape = |name: &str| parameters.get(name).unwrap().shape();
    assert_eq!(shape("encoder.layers.0.attention.query_proj.weight"), [8, 8]);
    assert_eq!(shape("encoder.layers.0.linear1.weight"), [32, 8]);
    assert_eq!(shape("decoder.layers.0.cross_attention.out_proj.weight"), [8, 8]);
    assert_eq!(shape("decoder.layers.0.ln3.bias"), [8]);
    assert_eq!((shape("encoder.ln.weight"), parameters.len()), (&[8][..], 2 + 2 + 12 + 18));
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let attention = |heads, value_dims| {
        let options = AttentionOptions { value_dims, ..AttentionOptions::default() };
        MultiHeadAttention::load(&fresh(), DIMS, heads, options).unwrap_err().to_string()
    };
    assert_eq!(attention(3, None), "dims: 8 features cannot be shared by 3 heads alike");
    assert_eq!(attention(0, None), "dims: 8 features cannot be shared by 0 heads alike");
    assert_eq!(attention(2, Some(5)), "value_dims: 5 features cannot be shared by 2 heads alike");
    let options = TransformerOptions { dropout: 1.5, ..TransformerOptions::default() };
    let error = TransformerEncoder::load(&fresh(), 1, DIMS, HEADS, options).unwrap_err();
    assert!(error.to_string().starts_with("dropout: 1.5 is not a probability"), "{error}");
}

#[test]
fn a_compiled_step_learns_as_one_that_is_not() {
    let options = TransformerOptions { dropout: 0.2, checkpoint: true, ..TransformerOptions::default() };
    let model = TransformerEncoder::load(&fresh(), 2, DIMS, HEADS, options).unwrap();
    let x = normal([2, 3, DIMS], Dtype::Float32, &Key::new(1).unwrap()).unwrap();
    let step = |(model, x, key): &(TransformerEncoder, Array, Key)| {
        let loss = |model: &TransformerEncoder| {
            model.forward(x, Mask::Causal, Some(&mut key.clone()))?.square()?.sum(..)
        };
        let (loss, gradients) = value_and_grad(loss)(model)?;
        let learned = model.tree_zip(&gradients, |_, weight, gradient| weight - (gradient * 0.01)?)?;
        Ok((loss, learned))
    };
    let given = (model, x, Key::new(2).unwrap());
    let (loss, learned) = step(&given).unwrap();
    let (compiled_loss, compiled) = compile(step, Shapes::Exact)(&given).unwrap();
    assert!(relative_error(&compiled_loss, &loss) <= 1e-5);
    for (path, weight) in learned.parameters().iter() {
        assert!(relative_error(compiled.parameters().get(path).unwrap(), weight) <= 1e-5, "{path}");
    }
}
