//! What tests rely on: cases fit their tensors, checkpoints are small and their logits fit their tokens.

use std::fs;
use std::path::{Path, PathBuf};

use mlx_testkit::{Golden, cases};
use serde_json::Value;

fn golden(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("tests/golden")
}

fn checkpoints() -> Vec<PathBuf> {
    let entries = fs::read_dir(golden("mlx-lm")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.join("config.json").is_file()).collect()
}

fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { bytes(&path) } else { path.metadata().unwrap().len() }).sum()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("{case} has no text {key}"))
}

#[test]
fn every_case_of_rope_keeps_the_shape_of_its_input() {
    let tensors = Golden::open(golden("mlx-nn").join("rope.safetensors"));
    for case in cases(golden("mlx-nn").join("rope.json")) {
        assert_eq!(tensors.shape(text(&case, "input")), tensors.shape(text(&case, "output")), "{case}");
    }
}

#[test]
fn every_case_of_quant_packs_its_weight() {
    let tensors = Golden::open(golden("mlx-nn").join("quant.safetensors"));
    for case in cases(golden("mlx-nn").join("quant.json")) {
        let [weight, packed, scales] =
            ["weight", "packed", "scales"].map(|key| tensors.shape(text(&case, key)));
        let (bits, group) =
            (case["bits"].as_u64().unwrap() as usize, case["group_size"].as_u64().unwrap() as usize);
        assert_eq!((packed[1] * 32, scales[1] * group), (weight[1] * bits, weight[1]), "{case}");
        assert_eq!(tensors.shape(text(&case, "dequantized")), weight, "{case}");
    }
}

#[test]
fn every_checkpoint_has_logits_for_its_tokens() {
    for folder in checkpoints() {
        let config: Value = serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
        let vocabulary = config["vocab_size"].as_u64().unwrap() as usize;
        let expected = Golden::open(folder.join("expected.safetensors"));
        for (tokens, logits) in [("tokens", "prefill"), ("continue", "decode")] {
            let known = expected.i32(tokens).iter().all(|&token| (0..vocabulary as i32).contains(&token));
            assert!(known, "{}: {tokens} leave the vocabulary", folder.display());
            assert_eq!(
                expected.shape(logits),
                [expected.shape(tokens)[0], vocabulary],
                "{}",
                folder.display()
            );
        }
    }
}

#[test]
fn fixtures_stay_small() {
    for folder in checkpoints() {
        assert!(bytes(&folder) <= 120 << 10, "{} has {} bytes", folder.display(), bytes(&folder));
    }
    let all: u64 = ["mlx-core", "mlx-nn", "mlx-lm"].map(|package| bytes(&golden(package))).iter().sum();
    assert!(all < 10_000_000, "the fixtures have {all} bytes");
}
