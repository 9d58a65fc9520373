//! Vectors in files.

use std::collections::BTreeMap;
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::Path;

use mlx_core::io::save_safetensors;
use mlx_core::{Array, Dtype, concatenate};
use mlx_embed::{Coding, coding};
use serde_json::{Value, json};

use crate::failure::Outcome;
use crate::file::NewFile;
use crate::records::Record;

/// Some records with their vectors `[records, width]`.
pub(super) type Part = Outcome<(Vec<Record>, Array)>;

/// Writes JSON lines if the name of the file ends so, else arrays.
pub(super) fn write(parts: impl Iterator<Item = Part>, precision: Coding, path: &Path) -> Outcome {
    if path.extension().is_some_and(|ending| ending == "jsonl") {
        write_lines(parts, precision, path)
    } else {
        write_arrays(parts, precision, path)
    }
}

/// All vectors in one array.
fn write_arrays(parts: impl Iterator<Item = Part>, precision: Coding, path: &Path) -> Outcome {
    let parts = parts.map(|part| Ok(part?.1)).collect::<Outcome<Vec<_>>>()?;
    if parts.is_empty() {
        return Err("there are no texts: the file is empty".into());
    }
    let all = concatenate(&parts, 0)?;
    let ranges = precision.has_ranges().then(|| coding::ranges(&all)).transpose()?;
    let coded = precision.code(&all, ranges.as_ref())?;
    let arrays = [("embeddings", Some(&coded)), ("ranges", ranges.as_ref())];
    let arrays = arrays.into_iter().filter_map(|(name, array)| Some((name, array?)));
    Ok(save_safetensors(path, arrays, &BTreeMap::new())?)
}

/// Each record on a line, with its vector.
fn write_lines(parts: impl Iterator<Item = Part>, precision: Coding, path: &Path) -> Outcome {
    if precision.has_ranges() {
        let why = "bytes have ranges, for which lines have no place: write safetensors";
        return Err(format!("{}: {why}", path.display()).into());
    }
    let mut file = BufWriter::new(NewFile::beside(path)?);
    for part in parts {
        let (records, vectors) = part?;
        let coded = precision.code(&vectors, None)?;
        for (record, vector) in records.into_iter().zip(rows(&coded)?) {
            let mut fields = record.fields;
            fields.insert("embedding".into(), vector);
            serde_json::to_writer(&mut file, &fields)?;
            file.write_all(b"\n")?;
        }
    }
    file.into_inner().map_err(IntoInnerError::into_error)?.put_in_place()
}

/// The vectors as JSON.
fn rows(vectors: &Array) -> Outcome<Vec<Value>> {
    let width = usize::try_from(vectors.dim(-1)?)?.max(1);
    Ok(if vectors.dtype() == Dtype::Float32 {
        vectors.to_vec::<f32>()?.chunks(width).map(|row| json!(row)).collect()
    } else {
        let whole = vectors.astype(Dtype::Int16)?.to_vec::<i16>()?;
        whole.chunks(width).map(|row| json!(row)).collect()
    })
}
