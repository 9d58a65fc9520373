//! `mlx logits`: a model's raw scores, for comparison with another implementation.

use std::collections::BTreeMap;
use std::path::Path;

use mlx_audio::{Audio, Recognizer};
use mlx_core::{Array, Dtype, Precision, concatenate, eval, io};
use mlx_lm::Loader;
use mlx_vlm::Sight;

use crate::args::Logits;
use crate::failure::Outcome;
use crate::interrupt::Hold;
use crate::{download, file, progress};

/// Runs the tokens and writes the scores.
pub(crate) fn run(args: &Logits) -> Outcome {
    file::check(&args.output)?;
    match &args.audio {
        Some(path) => of_speech(args, path),
        None if !args.shown.is_empty() => of_images(args),
        None => of_text(args),
    }
}

fn of_text(args: &Logits) -> Outcome {
    let loader = Loader::new(download::source(&args.model)?).dtype(args.dtype);
    let model = args.model.load(|| loader.load_model())?;
    let mut cache = model.cache();
    write(args, |tokens| Ok(model.logits(tokens, &mut cache)?.index(0)?))
}

fn of_images(args: &Logits) -> Outcome {
    let source = download::source(&args.model)?;
    let (model, sight) = args.model.load(|| Sight::load(source, args.dtype, Precision::Exact))?;
    let prompt = sight.prompt(&args.tokens, &args.shown.media()?)?;
    let mut cache = model.cache();
    write(args, |tokens| {
        let scores = if cache.offset() == 0 {
            sight.logits(&model, &prompt, &mut cache)?
        } else {
            model.logits(tokens, &mut cache)?
        };
        Ok(scores.index(0)?)
    })
}

fn of_speech(args: &Logits, path: &Path) -> Outcome {
    let source = download::source(&args.model)?;
    let model = args.model.load(|| Recognizer::load(&source, Some(args.dtype)))?;
    let audio = Audio::open_at(path, Recognizer::RATE)?;
    if args.tokens.is_empty() {
        let scores = model.scores(audio.samples())?.astype(Dtype::Float32)?;
        let _hold = Hold::begin();
        return Ok(io::save_safetensors(&args.output, [("prefill", &scores)], &BTreeMap::new())?);
    }
    let Recognizer::Whisper(whisper) = &model else {
        return Err(
            "--tokens: this model has scores of frames, which no tokens come before; leave it out".into()
        );
    };
    let mut hearing = whisper.hear(audio.samples())?;
    write(args, |tokens| Ok(hearing.logits(tokens)?))
}

/// Writes the scores `[tokens, vocabulary]` of the tokens, and of those that follow, one by one.
fn write(args: &Logits, mut scores: impl FnMut(&[u32]) -> Outcome<Array>) -> Outcome {
    let mut computed = |tokens: &[u32]| -> Outcome<Array> {
        let scores = scores(tokens)?.astype(Dtype::Float32)?;
        eval([&scores])?;
        Ok(scores)
    };
    let prefill = progress::during("running the tokens", || computed(&args.tokens))?;
    let bar = progress::count("tokens");
    bar.set_length(args.continued.len() as u64);
    let steps = args.continued.iter().map(|&token| computed(&[token]).inspect(|_| bar.inc(1)));
    let steps: Vec<_> = steps.collect::<Result<_, _>>()?;
    bar.finish_and_clear();
    let mut arrays = vec![("prefill", prefill)];
    if !steps.is_empty() {
        arrays.push(("decode", concatenate(&steps, 0)?));
    }
    let _hold = Hold::begin();
    let named = arrays.iter().map(|(name, array)| (*name, array));
    Ok(io::save_safetensors(&args.output, named, &BTreeMap::new())?)
}
