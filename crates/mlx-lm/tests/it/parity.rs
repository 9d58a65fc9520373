//! Checkpoints that `cargo xtask parity` has just made.

use std::env;
use std::path::Path;

use mlx_core::Dtype;
use mlx_hub::Source;
use mlx_lm::Loader;
use mlx_testkit::{Golden, relative_rms};

use crate::golden::{batched, decode, folders_in, scores, tokens};

/// The largest relative error, by root mean square.
const MOST: f64 = 1e-3;

/// What is compared, and its relative error.
type Errors = Vec<(&'static str, f64)>;

/// The architecture of a checkpoint and the errors of its scores.
fn compare(folder: &Path) -> Result<(String, Errors), String> {
    let loader = Loader::new(Source::path(folder)).dtype(Dtype::Float32);
    let model = loader.load_model().map_err(|error| error.to_string())?;
    let golden = Golden::open(folder.join("expected.safetensors"));
    let error = |name, found: &[f32]| (name, relative_rms(found, &golden.f32(name)));
    let mut cache = model.cache();
    let (_, prefill) = scores(&model, &tokens(&golden, "tokens"), &mut cache);
    let decoded = decode(&model, &tokens(&golden, "continue"), &mut cache);
    let mut errors = vec![error("prefill", &prefill), error("decode", &decoded)];
    if golden.contains("batch") {
        errors.push(error("batch_prefill", &batched(&model, &golden).to_vec::<f32>().unwrap()));
    }
    Ok((model.model_type().to_owned(), errors))
}

#[test]
#[ignore = "cargo xtask parity makes its checkpoints"]
fn fresh_checkpoints_have_the_scores_of_the_reference() {
    let folder = env::var_os("MLX_PARITY").expect("MLX_PARITY names the folder of the checkpoints");
    let folders = folders_in(Path::new(&folder));
    assert!(!folders.is_empty(), "no checkpoints are in {}", folder.display());
    let mut failed = Vec::new();
    let mut worst = 0.0_f64;
    println!("\n{:20} {:32} {:>10} {:>10} {:>10}", "family", "variant", "prefill", "decode", "batch");
    for folder in folders {
        let name = folder.file_name().unwrap().display().to_string();
        let (family, errors) = match compare(&folder) {
            Ok(compared) => compared,
            Err(error) => {
                println!("{:20} {name:32} {error}", "");
                failed.push(name);
                continue;
            }
        };
        let numbers: String = errors.iter().map(|(_, error)| format!(" {error:>10.1e}")).collect();
        println!("{family:20} {name:32}{numbers}");
        let largest = errors.iter().fold(0.0, |most: f64, &(_, error)| most.max(error));
        worst = worst.max(largest);
        if largest.is_nan() || largest > MOST {
            failed.push(name);
        }
    }
    println!("worst relative error: {worst:.1e}");
    assert!(failed.is_empty(), "above {MOST:.0e} or not loaded: {}", failed.join(", "));
}
