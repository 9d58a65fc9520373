//! Vectors in [USearch](https://github.com/unum-cloud/usearch), an index that lives in a file, with the texts beside it.

use std::error::Error;
use std::fs;
use std::path::Path;

use mlx_embed::mlx_core::Array;
use mlx_embed::{Embedder, Options, Pieces};
use serde::{Deserialize, Serialize};
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Passage {
    pub(crate) file: String,
    pub(crate) text: String,
}

/// A passage that was found, and how close it is: 1 is the same direction.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) passage: &'a Passage,
    pub(crate) similarity: f32,
}

/// Passages and the index of their vectors.
pub(crate) struct Store {
    index: Index,
    passages: Vec<Passage>,
}

/// Cuts the texts of a folder into passages.
pub(crate) fn passages(folder: &Path, embedder: &Embedder) -> Outcome<Vec<Passage>> {
    let pieces = Pieces { tokens: 128, overlap: 16 };
    let mut files: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::path);
    let mut all = Vec::new();
    for file in files.iter().filter(|file| file.path().is_file()) {
        let Ok(text) = fs::read_to_string(file.path()) else { continue };
        let name = file.file_name().to_string_lossy().into_owned();
        for range in pieces.of(&text, embedder.tokenizer())? {
            let text = text.get(range).unwrap_or_default().trim().to_owned();
            if !text.is_empty() {
                all.push(Passage { file: name.clone(), text });
            }
        }
    }
    Ok(all)
}

fn index(width: usize) -> Outcome<Index> {
    let options = IndexOptions {
        dimensions: width,
        metric: MetricKind::Cos,
        quantization: ScalarKind::F32,
        ..IndexOptions::default()
    };
    Ok(Index::new(&options)?)
}

fn rows(vectors: &Array) -> Outcome<(usize, Vec<f32>)> {
    Ok((usize::try_from(vectors.dim(-1)?)?.max(1), vectors.to_vec()?))
}

impl Store {
    /// Embeds passages.
    pub(crate) fn of(passages: Vec<Passage>, embedder: &Embedder) -> Outcome<Self> {
        let texts: Vec<_> = passages.iter().map(|passage| &passage.text).collect();
        let (width, values) = rows(&embedder.embed(&texts, &Options::default())?)?;
        let index = index(width)?;
        index.reserve(passages.len())?;
        for (key, vector) in (0..).zip(values.chunks(width)) {
            index.add(key, vector)?;
        }
        Ok(Self { index, passages })
    }

    /// Writes `index.usearch` and `passages.json` into a folder.
    pub(crate) fn save(&self, folder: &Path) -> Outcome<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("passages.json"), serde_json::to_vec(&self.passages)?)?;
        Ok(self.index.save(&folder.join("index.usearch").to_string_lossy())?)
    }

    /// Reads what [`save`](Self::save) wrote.
    pub(crate) fn open(folder: &Path) -> Outcome<Self> {
        let passages = serde_json::from_slice(&fs::read(folder.join("passages.json"))?)?;
        let index = index(0)?;
        index.load(&folder.join("index.usearch").to_string_lossy())?;
        Ok(Self { index, passages })
    }

    /// The `k` passages that are closest to a query, the closest first.
    pub(crate) fn ask(&self, query: &str, k: usize, embedder: &Embedder) -> Outcome<Vec<Found<'_>>> {
        let (_, vector) = rows(&embedder.embed(&[query], &Options::default())?)?;
        let matches = self.index.search(&vector, k)?;
        let found = matches.keys.iter().zip(&matches.distances).filter_map(|(&key, distance)| {
            let passage = self.passages.get(usize::try_from(key).ok()?)?;
            Some(Found { passage, similarity: 1.0 - distance })
        });
        Ok(found.collect())
    }
}
