//! Quantized tensors against the `gguf` package and MLX; `tests/data/generate.py` made the files.

use half::f16;
use mlx_hub::gguf::{Affine, Array, Container, Data, Floats, Tensor, Value};

use crate::gguf_file::GgufFile;

fn blocks() -> Container {
    Container::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/blocks.gguf")).unwrap()
}

fn affine(tensor: Tensor) -> Affine {
    let Data::Affine(affine) = tensor.data else { panic!("not quantized: {:?}", tensor.data) };
    affine
}

#[test]
fn every_format_gives_the_reference_floats_exactly() {
    let file = blocks();
    let names =
        file.tensors().iter().filter(|tensor| !tensor.name.ends_with(".f32")).map(|tensor| &tensor.name);
    let mut count = 0;
    for name in names {
        let (tensor, expected) = (file.load(name).unwrap(), file.load(&format!("{name}.f32")).unwrap());
        assert_eq!(tensor.shape, expected.shape, "{name}");
        assert_eq!(tensor.to_f32(), expected.to_f32(), "{name}");
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn groups_of_32_stay_quantized() {
    let file = blocks();
    for (name, bits) in
        [("Q4_0", 4), ("Q4_1", 4), ("Q5_0", 5), ("Q5_1", 5), ("Q8_0", 8), ("Q4_K", 4), ("Q5_K", 5)]
    {
        let tensor = file.load(name).unwrap();
        let elements: usize = tensor.shape.iter().product();
        let affine = affine(tensor);
        assert_eq!((affine.bits, affine.group_size), (bits, 32), "{name}");
        assert_eq!(affine.weight.len(), elements * usize::from(bits) / 32, "{name}");
        assert_eq!(matches!(affine.scales, Floats::F16(_)), !name.ends_with("_K"), "{name}");
    }
    for name in ["Q2_K", "Q3_K", "Q6_K"] {
        assert!(matches!(file.load(name).unwrap().data, Data::F32(_)), "{name}");
    }
}

#[test]
fn scales_too_large_for_half_floats_are_kept_as_f32() {
    let mut block = f16::from_f32(1000.0).to_le_bytes().to_vec();
    block.extend([0x80; 32]);
    let file = GgufFile::new().tensor("x", &[32], 8, &block).write();
    let tensor = Container::open(file.path()).unwrap().load("x").unwrap();
    assert_eq!(tensor.to_f32(), [-128_000.0; 32]);
    assert_eq!(affine(tensor).biases, Floats::F32(vec![-128_000.0]));
}

#[test]
fn packing_is_that_of_mlx() {
    let cases =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/affine.json")).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&cases).unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let floats = |key: &str| -> Vec<f32> {
            case[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
        };
        let words =
            case["weight"].as_array().unwrap().iter().map(|word| word.as_u64().unwrap() as u32).collect();
        let affine = Affine {
            bits: case["bits"].as_u64().unwrap() as u8,
            group_size: 32,
            weight: words,
            scales: Floats::F32(floats("scales")),
            biases: Floats::F32(floats("biases")),
        };
        let tensor = Tensor { shape: vec![2, 64], data: Data::Affine(affine) };
        for (ours, theirs) in tensor.to_f32().iter().zip(floats("dense")) {
            assert!((ours - theirs).abs() < 1e-6, "{ours} {theirs}");
        }
    }
}

#[test]
fn metadata_of_another_writer_is_read() {
    let file = blocks();
    let metadata = file.metadata();
    assert_eq!(metadata["blocks.whole"].as_u64(), Some(7));
    assert_eq!(metadata["blocks.epsilon"].as_f64(), Some(1e-5));
    assert_eq!(metadata["blocks.flag"].as_bool(), Some(true));
    assert_eq!(
        metadata["blocks.names"],
        Value::Array(Array::String(vec!["a".into(), "ä".into(), String::new()]))
    );
    assert_eq!(metadata["blocks.numbers"], Value::Array(Array::I32(vec![1, -2, 3])));
}
