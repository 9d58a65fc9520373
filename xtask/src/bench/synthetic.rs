//! Checkpoints of random weights: one folder for MLX and one GGUF file that hold the same numbers.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::random::{self, Bits, GROUP};
use super::shape::{Format, Part, Shape};
use super::{gguf, safetensors};
use crate::unpack;

/// Changes whenever the weights would.
const EDITION: &str = "1";

/// One in bfloat16: no layer of norms changes its input.
const ONE: u16 = 0x3f80;

/// Where the two forms of a checkpoint are.
pub struct Checkpoint {
    /// The folder for MLX.
    pub mlx: PathBuf,
    /// The GGUF file.
    pub gguf: PathBuf,
}

/// Makes both forms in a folder unless they are there.
pub fn make(name: &str, shape: &Shape, folder: &Path) -> Result<Checkpoint> {
    if !unpack::is_current(folder, EDITION) {
        unpack::fill(folder, EDITION, |partial| write(name, shape, &Checkpoint::under(partial)))?;
    }
    Ok(Checkpoint::under(folder))
}

impl Checkpoint {
    fn under(folder: &Path) -> Self {
        Self { mlx: folder.join("mlx"), gguf: folder.join("model.gguf") }
    }
}

fn write(name: &str, shape: &Shape, to: &Checkpoint) -> Result<()> {
    std::fs::create_dir_all(&to.mlx).with_context(|| to.mlx.display().to_string())?;
    let config = to.mlx.join("config.json");
    std::fs::write(&config, format!("{:#}\n", shape.config()))
        .with_context(|| config.display().to_string())?;
    let (mut mlx, mut ggml) = (create(&to.mlx.join("model.safetensors"))?, create(&to.gguf)?);
    let parts = shape.parts();
    let stored: Vec<_> = parts.iter().flat_map(|part| in_safetensors(part, shape.format)).collect();
    safetensors::header(&mut mlx, &stored)?;
    let stored: Vec<_> = parts.iter().map(|part| in_gguf(part, shape.format)).collect();
    gguf::header(&mut ggml, &shape.facts(), &stored)?;
    let bar = ProgressBar::new(parts.len() as u64)
        .with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} tensors of {msg}")?)
        .with_message(name.to_owned());
    for (seed, part) in parts.iter().enumerate() {
        fill(part, shape.format, &mut Bits::new(seed as u64), &mut mlx, &mut ggml)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    mlx.flush()?;
    Ok(ggml.flush()?)
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path).with_context(|| path.display().to_string())?))
}

/// The tensors that a part is in MLX's form, in the order in which [`fill`] writes them.
fn in_safetensors(part: &Part, format: Format) -> Vec<safetensors::Tensor> {
    use safetensors::{Kind, Tensor};

    let Part { name, rows, columns, .. } = part;
    let tensor = |field: &str, columns: usize, kind: Kind| {
        let shape = if *rows == 0 { vec![columns] } else { vec![*rows, columns] };
        Tensor { name: format!("{name}.{field}"), shape, kind }
    };
    match (rows, format) {
        (_, Format::Float32) => vec![tensor("weight", *columns, Kind::F32)],
        (0, _) | (_, Format::Bfloat16) => vec![tensor("weight", *columns, Kind::Bf16)],
        (_, Format::FourBits) => vec![
            tensor("weight", columns / 8, Kind::U32),
            tensor("scales", columns / GROUP, Kind::Bf16),
            tensor("biases", columns / GROUP, Kind::Bf16),
        ],
    }
}

/// The tensor that a part is in a GGUF file.
fn in_gguf(part: &Part, format: Format) -> gguf::Tensor {
    use gguf::{Kind, Tensor};

    let name = format!("{}.weight", part.gguf);
    if part.rows == 0 {
        return Tensor { name, shape: vec![part.columns], kind: Kind::F32 };
    }
    let kind = match format {
        Format::FourBits => Kind::Q4_0,
        Format::Bfloat16 => Kind::Bf16,
        Format::Float32 => Kind::F32,
    };
    Tensor { name, shape: vec![part.rows, part.columns], kind }
}

/// Writes the numbers of a part to both files.
fn fill(
    part: &Part,
    format: Format,
    bits: &mut Bits,
    mlx: &mut impl Write,
    ggml: &mut impl Write,
) -> Result<()> {
    let Part { rows, columns, .. } = *part;
    let mut write = |in_mlx: &[&[u8]], in_gguf: &[u8]| -> Result<()> {
        for bytes in in_mlx {
            mlx.write_all(bytes)?;
        }
        Ok(gguf::data(ggml, in_gguf)?)
    };
    let ones = 1_f32.to_le_bytes().repeat(columns);
    match (rows, format) {
        (0, Format::Float32) => write(&[&ones], &ones),
        (0, _) => write(&[&ONE.to_le_bytes().repeat(columns)], &ones),
        (_, Format::FourBits) => {
            let matrix = random::quantized(rows, columns, bits);
            write(&[&matrix.words, &matrix.scales, &matrix.biases], &matrix.blocks)
        }
        (_, Format::Bfloat16) => {
            let matrix = random::bfloat16(rows, columns, bits);
            write(&[&matrix], &matrix)
        }
        (_, Format::Float32) => {
            let matrix = random::float32(rows, columns, bits);
            write(&[&matrix], &matrix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Shape = Shape {
        layers: 2,
        hidden: 128,
        inner: 192,
        heads: 4,
        kv_heads: 2,
        head: 64,
        vocabulary: 100,
        format: Format::FourBits,
    };

    #[test]
    fn files_are_as_long_as_their_headers_say() {
        for format in [Format::FourBits, Format::Bfloat16, Format::Float32] {
            let folder = tempfile::tempdir().unwrap();
            let shape = Shape { format, ..SMALL };
            let checkpoint = make("small", &shape, &folder.path().join("small")).unwrap();
            let parts = shape.parts();
            let length = |path: &Path| path.metadata().unwrap().len() as usize;

            let tensors: Vec<_> = parts.iter().flat_map(|part| in_safetensors(part, format)).collect();
            let mut head = Vec::new();
            safetensors::header(&mut head, &tensors).unwrap();
            let data: usize = tensors.iter().map(safetensors::Tensor::bytes).sum();
            assert_eq!(length(&checkpoint.mlx.join("model.safetensors")), head.len() + data);

            let tensors: Vec<_> = parts.iter().map(|part| in_gguf(part, format)).collect();
            let mut head = Vec::new();
            gguf::header(&mut head, &shape.facts(), &tensors).unwrap();
            let data: usize = tensors.iter().map(|tensor| tensor.bytes().next_multiple_of(32)).sum();
            assert_eq!(length(&checkpoint.gguf), head.len() + data);
        }
    }

    #[test]
    fn a_checkpoint_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("small");
        let made = make("small", &SMALL, &place).unwrap();
        std::fs::write(&made.gguf, "kept").unwrap();
        make("small", &SMALL, &place).unwrap();
        assert_eq!(std::fs::read_to_string(&made.gguf).unwrap(), "kept");
    }
}
