//! Conversations of the golden models, which `xtask/golden/shown.py` writes, and what every family must do with them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mlx_core::{Array, Dtype, Precision};
use mlx_lm::GenerateOptions;
use mlx_lm::cache::KvCache;
use mlx_testkit::{Golden, relative_rms};
use mlx_vlm::mlx_hub::Source;
use mlx_vlm::mlx_image::{Image, Size};
use mlx_vlm::{Media, Prompt, Turn, Video, VisionLanguageModel};
use serde_json::Value;

/// How far scores may be from those of the reference, relative to their size.
const CLOSE: f64 = 2e-5;

/// A model and its conversations.
pub(crate) struct Family {
    pub(crate) model: VisionLanguageModel,
    cases: Vec<Value>,
    logits: Golden,
}

/// A conversation with what the reference makes of it.
struct Case {
    name: String,
    turns: Vec<Turn>,
    tokens: Vec<u32>,
    /// Tokens that follow.
    then: Vec<u32>,
    /// Scores after the last tokens and those that follow, `[positions, vocabulary]`.
    logits: Vec<Vec<f32>>,
}

pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Waves that differ in each channel, as `xtask/golden/pictures.py` draws them.
pub(crate) fn picture(size: Size, seed: usize) -> Image {
    let rows = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (y, x)));
    let wave = |(y, x)| (7 * y * y + 3 * x * x + 5 * x * y + 31 * x + 17 * y + 40 * seed) / 4;
    let pixels = rows.flat_map(|at| [0, 85, 170].map(|channel| (wave(at) + channel) as u8));
    Image::new(size, pixels.collect()).unwrap()
}

fn media(shown: &Value) -> Media {
    let number = |name: &str| shown[name].as_u64().unwrap() as usize;
    let size = Size { height: number("height"), width: number("width") };
    let Some(frames) = shown["frames"].as_u64() else { return picture(size, number("seed")).into() };
    let frames = (0..frames as usize).map(|at| picture(size, number("seed") + at)).collect();
    Video { frames, interval: Duration::from_secs_f64(shown["interval"].as_f64().unwrap()) }.into()
}

fn turns(case: &Value) -> Vec<Turn> {
    let turn = |turn: &Value| {
        let text = |at: usize| turn[at].as_str().unwrap();
        let shown = turn[2].as_array().unwrap();
        shown.iter().fold(Turn::new(text(0), text(1)), |turn, one| turn.with(media(one)))
    };
    case["turns"].as_array().unwrap().iter().map(turn).collect()
}

impl Family {
    pub(crate) fn open(name: &str) -> Self {
        Self::at(&folder(name))
    }

    /// The model in a folder.
    pub(crate) fn at(folder: &Path) -> Self {
        let source = Source::path(folder);
        let cases = std::fs::read_to_string(folder.join("cases.json")).unwrap();
        Self {
            model: VisionLanguageModel::load(source, Some(Dtype::Float32), Precision::Exact).unwrap(),
            cases: serde_json::from_str(&cases).unwrap(),
            logits: Golden::open(folder.join("logits.safetensors")),
        }
    }

    fn cases(&self) -> impl Iterator<Item = Case> {
        self.cases.iter().map(|case| {
            let name = case["name"].as_str().unwrap().to_owned();
            let width = self.logits.shape(&name)[1];
            let tokens = |key: &str| serde_json::from_value(case[key].clone()).unwrap();
            Case {
                turns: turns(case),
                tokens: tokens("tokens"),
                then: tokens("then"),
                logits: self.logits.f32(&name).chunks(width).map(<[f32]>::to_vec).collect(),
                name,
            }
        })
    }

    /// Checks all that every family must do.
    pub(crate) fn check(&self) {
        for case in self.cases() {
            let prompt = self.model.chat(&case.turns).unwrap();
            assert_eq!(prompt.tokens(), case.tokens, "{}: tokens", case.name);
            self.check_scores(&case, &prompt);
            self.check_chunks(&case, &prompt);
        }
        self.check_batch();
        self.check_features();
    }

    /// The prompt at once, then token by token.
    fn check_scores(&self, case: &Case, prompt: &Prompt) {
        let mut cache = self.model.language().model().cache();
        let scores = self.model.logits(prompt, &mut cache).unwrap();
        let (before, after) = case.logits.split_at(case.logits.len() - case.then.len());
        let length = case.tokens.len() as i32;
        for (at, expected) in before.iter().enumerate() {
            let found = row(&scores, length - before.len() as i32 + at as i32);
            assert_near(&found, expected, &format!("{}: token {at} of the last", case.name));
        }
        self.check_following(case, &mut cache, after);
    }

    fn check_following(&self, case: &Case, cache: &mut KvCache, after: &[Vec<f32>]) {
        for (token, expected) in case.then.iter().zip(after) {
            let scores = self.model.language().model().logits(&[*token], cache).unwrap();
            assert_near(&row(&scores, 0), expected, &format!("{}: after {token}", case.name));
        }
    }

    /// The images in small chunks, and the rest as text.
    fn check_chunks(&self, case: &Case, prompt: &Prompt) {
        for step in [7, 1000] {
            let options = GenerateOptions { prefill_step: step, ..GenerateOptions::default() };
            let mut cache = self.model.prefill(prompt, &options).unwrap();
            let held = cache.offset() as usize;
            let language = self.model.language().model();
            language.logits(&prompt.tokens()[held..], &mut cache).unwrap();
            let after = &case.logits[case.logits.len() - case.then.len()..];
            self.check_following(case, &mut cache, after);
        }
    }

    /// All conversations token by token, side by side.
    fn check_batch(&self) {
        let cases: Vec<_> = self.cases().collect();
        let caches: Vec<_> = cases
            .iter()
            .map(|case| {
                let mut cache = self.model.language().model().cache();
                self.model.logits(&self.model.chat(&case.turns).unwrap(), &mut cache).unwrap();
                cache
            })
            .collect();
        let mut cache = KvCache::merge(&caches).unwrap();
        let decoder = self.model.language().model().decoder();
        for step in 0..cases[0].then.len() {
            let tokens: Vec<_> = cases.iter().map(|case| case.then[step]).collect();
            let tokens = Array::from_slice(&tokens, [tokens.len() as i32, 1]).unwrap();
            let scores = decoder.decode(decoder.embed(&tokens).unwrap(), &mut cache).unwrap();
            for (text, case) in (0..).zip(&cases) {
                let expected = &case.logits[case.logits.len() - case.then.len() + step];
                let found = scores.index((text, 0)).unwrap().to_vec::<f32>().unwrap();
                assert_near(&found, expected, &format!("{} in a batch, step {step}", case.name));
            }
        }
    }

    /// A further question about what was seen runs no tower, and has the same scores.
    fn check_features(&self) {
        let case = self.cases().find(|case| case.turns.iter().any(|turn| !turn.media.is_empty())).unwrap();
        let shown: usize = case.turns.iter().map(|turn| turn.media.len()).sum();
        let ask = || {
            let prompt = self.model.chat(&case.turns).unwrap();
            self.model.logits(&prompt, &mut self.model.language().model().cache()).unwrap()
        };
        self.model.features().clear();
        let before = self.model.features().runs();
        let first = ask().to_vec::<f32>().unwrap();
        assert_eq!(self.model.features().runs(), before + shown);
        assert!(self.model.features().nbytes() > 0);
        assert_eq!(ask().to_vec::<f32>().unwrap(), first);
        assert_eq!(self.model.features().runs(), before + shown);
        self.model.features().limit(0);
        assert_eq!(self.model.features().nbytes(), 0);
        assert_eq!(ask().to_vec::<f32>().unwrap(), first);
        assert_eq!(self.model.features().runs(), before + 2 * shown);
    }
}

fn row(scores: &Array, at: i32) -> Vec<f32> {
    scores.index((0, at)).unwrap().to_vec::<f32>().unwrap()
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32], about: &str) {
    let error = relative_rms(found, expected);
    assert!(error < CLOSE, "{about}: off by {error}");
}
