//! A GGUF file read as a safetensors file.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use mlx_hub::gguf::{Data, Floats, Gguf, Stream};
use serde_json::{Value, json};

use crate::gguf_file::GgufFile;

const Q4_0: u32 = 2;

fn gguf() -> Arc<Gguf> {
    let block: Vec<_> = (0..18).collect();
    let file = GgufFile::new()
        .text("general.architecture", "llama")
        .u32("llama.block_count", 1)
        .u32("llama.attention.head_count", 1)
        .tensor("blk.0.ffn_up.weight", &[32, 3], Q4_0, &block.repeat(3))
        .f32_tensor("output_norm.weight", &[3], &[1.0, -2.0, 0.5]);
    Arc::new(Gguf::open(file.write().path()).unwrap())
}

/// The header, and the data after it.
fn parts(bytes: &[u8]) -> (Value, &[u8]) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (serde_json::from_slice(&bytes[8..8 + length]).unwrap(), &bytes[8 + length..])
}

#[test]
fn its_header_and_bytes_are_those_of_the_tensors() {
    let file = gguf();
    let mut bytes = Vec::new();
    Stream::new(Arc::clone(&file)).read_to_end(&mut bytes).unwrap();
    let (header, data) = parts(&bytes);
    let of = |name: &str| {
        let [from, to] = [0, 1].map(|at| header[name]["data_offsets"][at].as_u64().unwrap() as usize);
        (&header[name]["dtype"], &header[name]["shape"], &data[from..to])
    };
    let Data::Affine(packed) = file.load("model.layers.0.mlp.up_proj.weight").unwrap().data else {
        panic!("not packed")
    };
    let words: Vec<_> = packed.weight.iter().flat_map(|word| word.to_le_bytes()).collect();
    let floats =
        |values: &Floats| values.to_f32().iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
    let path = "model.layers.0.mlp.up_proj";
    assert_eq!(of(&format!("{path}.weight")), (&json!("U32"), &json!([3, 4]), &words[..]));
    assert_eq!(of(&format!("{path}.scales")), (&json!("F32"), &json!([3, 1]), &floats(&packed.scales)[..]));
    assert_eq!(of(&format!("{path}.biases")), (&json!("F32"), &json!([3, 1]), &floats(&packed.biases)[..]));
    let norm: Vec<_> = [1.0_f32, -2.0, 0.5].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(of("model.norm.weight"), (&json!("F32"), &json!([3]), &norm[..]));
    assert_eq!(header.as_object().unwrap().len(), 4);
}

#[test]
fn any_part_may_be_read_first() {
    let mut stream = Stream::new(gguf());
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole).unwrap();
    assert_eq!(stream.seek(SeekFrom::End(0)).unwrap(), whole.len() as u64);
    for from in (0..whole.len()).rev() {
        stream.seek(SeekFrom::Start(from as u64)).unwrap();
        let mut part = vec![0; (whole.len() - from).min(50)];
        stream.read_exact(&mut part).unwrap();
        assert_eq!(part, whole[from..from + part.len()]);
    }
    assert!(stream.seek(SeekFrom::End(-1 - whole.len() as i64)).is_err());
}
