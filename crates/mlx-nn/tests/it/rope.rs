//! Every kind of rotation against mlx-lm's.

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype};
use mlx_nn::{LeftPadding, Places, Rope, RopeScaling};
use mlx_testkit::{Golden, Tolerance, assert_close, cases};
use serde_json::{Value, json};

use crate::fixture;

fn scaling(json: Value) -> Result<RopeScaling, String> {
    serde_json::from_value(json).map_err(|error| error.to_string())
}

#[test]
fn every_type_turns_as_in_mlx_lm() {
    let golden = Golden::open(fixture::golden("mlx-nn", "rope.safetensors"));
    for case in cases(fixture::golden("mlx-nn", "rope.json")) {
        let scaling: Option<RopeScaling> = serde_json::from_value(case["scaling"].clone()).unwrap();
        let int = |key: &str| case[key].as_i64().unwrap() as i32;
        let rope = Rope::new(
            int("dims"),
            case["base"].as_f64().unwrap() as f32,
            scaling.as_ref(),
            case["traditional"].as_bool().unwrap(),
            int("max_position_embeddings"),
        )
        .unwrap();
        let x = fixture::array(&golden, case["input"].as_str().unwrap());
        let y = rope.forward(&x, int("offset")).unwrap();
        fixture::assert_close(&golden, case["output"].as_str().unwrap(), &y);
    }
}

#[test]
fn places_in_a_row_turn_as_an_offset_does() {
    let x = random::normal([2, 3, 5, 12], Dtype::Float32, &Key::new(3).unwrap()).unwrap();
    let row: Vec<i32> = (0..6).flat_map(|_| 4..9).collect();
    let places = Places::new(Array::from_slice(&row, [3, 2, 5]).unwrap()).unwrap();
    let scalings = [
        json!({"rope_type": "default"}),
        json!({"rope_type": "linear", "factor": 3.0}),
        json!({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}),
        json!({"rope_type": "mrope", "mrope_section": [2, 1, 2]}),
        json!({"rope_type": "default", "mrope_section": [2, 2, 1], "mrope_interleaved": true}),
    ];
    for scaling in scalings {
        for traditional in [false, true] {
            let scaling = self::scaling(scaling.clone()).unwrap();
            let rope = Rope::new(10, 100.0, Some(&scaling), traditional, 64).unwrap();
            let found = rope.forward(&x, mlx_nn::Offset::At(&places)).unwrap();
            let expected = rope.forward(&x, 4).unwrap();
            let [found, expected] = [found, expected].map(|array| array.to_vec::<f32>().unwrap());
            assert_close(&found, &expected, Tolerance::F32);
        }
    }
}

#[test]
fn a_base_that_grows_has_no_places() {
    let scaling = scaling(json!({"rope_type": "dynamic", "factor": 2.0})).unwrap();
    let rope = Rope::new(4, 100.0, Some(&scaling), false, 8).unwrap();
    let places = Places::new(Array::zeros([1, 1, 2], Dtype::Int32).unwrap()).unwrap();
    let x = Array::zeros([1, 1, 2, 4], Dtype::Float32).unwrap();
    let error = rope.forward(&x, mlx_nn::Offset::At(&places)).unwrap_err().to_string();
    assert!(error.contains("change with the length of the text"), "{error}");
}

#[test]
fn short_texts_have_factors_of_their_own_if_a_model_asks_for_it() {
    let rope = |fields: Value| {
        let mut scaling = json!({"type": "su", "original_max_position_embeddings": 8});
        scaling.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Rope::new(6, 100.0, Some(&self::scaling(scaling).unwrap()), false, 16).unwrap()
    };
    let both = rope(json!({"by_length": true, "short_factor": [1, 2, 3], "long_factor": [2, 4, 8]}));
    let [short, long] = [[1, 2, 3], [2, 4, 8]].map(|factors| rope(json!({"long_factor": factors})));
    let unasked = rope(json!({"short_factor": [1, 2, 3], "long_factor": [2, 4, 8]}));
    let x = random::normal([2, 1, 5, 8], Dtype::Float32, &Key::new(7).unwrap()).unwrap();
    let turned = |rope: &Rope, offset: i32| rope.forward(&x, offset).unwrap().to_vec::<f32>().unwrap();
    for (offset, expected) in [(0, &short), (3, &short), (4, &long), (90, &long)] {
        assert_eq!(turned(&both, offset), turned(expected, offset), "from {offset}");
        assert_eq!(turned(&unasked, offset), turned(&long, offset), "from {offset}");
    }
    assert_ne!(turned(&short, 3), turned(&long, 3));
    let padding = LeftPadding::new(vec![2, 0]).unwrap();
    let found = both.forward(&x, mlx_nn::Offset::Padded { end: 4, padding: &padding }).unwrap();
    let [first, second] = [(&short, 2), (&long, 4)].map(|(rope, at)| turned(rope, at));
    let half = first.len() / 2;
    let found = found.to_vec::<f32>().unwrap();
    assert_close(&found[..half], &first[..half], Tolerance::F32);
    assert_close(&found[half..], &second[half..], Tolerance::F32);
}

#[test]
fn an_unknown_type_is_refused_with_those_known() {
    let error = scaling(json!({"rope_type": "spiral"})).unwrap_err();
    assert!(error.starts_with("rope type `spiral` is not known, only default, linear"), "{error}");
}

#[test]
fn a_missing_field_is_named() {
    let cases = [
        (json!({"type": "linear"}), "rope type `linear` needs `factor`"),
        (json!({"rope_type": "yarn", "beta_fast": 8.0}), "rope type `yarn` needs `factor`"),
        (
            json!({"type": "longrope", "original_max_position_embeddings": 8}),
            "rope type `longrope` needs `long_factor`",
        ),
        (
            json!({"type": "su", "long_factor": 2.0}),
            "rope type `su` needs `original_max_position_embeddings`",
        ),
        (json!({"type": "mrope"}), "rope type `mrope` needs `mrope_section`"),
    ];
    for (json, message) in cases {
        assert_eq!(scaling(json).unwrap_err(), message);
    }
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let error = scaling(json!({"type": "linear", "factor": 0})).unwrap_err();
    assert_eq!(error, "rope type `linear` needs a positive `factor`, not 0");
    let error = scaling(json!({"type": "mrope", "mrope_section": [1, 2]})).unwrap_err();
    assert_eq!(error, "rope type `mrope` has 2 entries in `mrope_section`, not 3");

    let error = Rope::new(5, 1e4, None, false, 64).unwrap_err();
    assert_eq!(error.to_string(), "head_dim: 5 features cannot turn in pairs");
    let error = Rope::new(8, 0.0, None, false, 64).unwrap_err();
    assert_eq!(error.to_string(), "rope_theta: 0 is not a positive number");

    let dynamic = scaling(json!({"type": "dynamic", "factor": 2})).unwrap();
    let error = Rope::new(8, 1e4, Some(&dynamic), false, 0).unwrap_err();
    assert_eq!(error.to_string(), "max_position_embeddings: 0 is not a positive number");

    let long = json!({"type": "su", "long_factor": [1, 2, 3], "original_max_position_embeddings": 8});
    let error = Rope::new(8, 1e4, Some(&scaling(long).unwrap()), false, 16).unwrap_err();
    assert_eq!(error.to_string(), "long_factor: 3 factors for 4 pairs of features");

    let partial = json!({"type": "proportional", "partial_rotary_factor": 1.5});
    let error = Rope::new(8, 1e4, Some(&scaling(partial).unwrap()), false, 16).unwrap_err();
    assert_eq!(error.to_string(), "partial_rotary_factor: 1.5 is not between 0 and 1");
}

#[test]
fn a_type_wins_over_a_rope_type_and_unknown_fields_do_not_matter() {
    let both = json!({"type": "linear", "rope_type": "yarn", "factor": 2, "rope_theta": 5e5});
    assert_eq!(scaling(both), Ok(RopeScaling::Linear { factor: 2.0 }));
    assert_eq!(scaling(json!({"rope_theta": 5e5})), Ok(RopeScaling::Default));
}
