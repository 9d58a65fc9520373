//! What a model is made of, as configs of NeMo and of transformers say it.

mod nemo;
mod transformers;

use mlx_hub::Directory;

use crate::codec::config::{check, count};
use crate::dsp::Window;
use crate::{Error, Result};

/// All of a model.
pub(super) struct Plan {
    pub(super) front: FrontPlan,
    pub(super) encoder: EncoderPlan,
    /// Scores of each frame, of models for CTC and of both kinds.
    pub(super) ctc: Option<CtcPlan>,
    pub(super) transducer: Option<TransducerPlan>,
    /// The token that stands for none.
    pub(super) blank: u32,
    /// The texts of the tokens, in which `▁` is a space; none if the checkpoint has no tokenizer.
    pub(super) pieces: Option<Vec<String>>,
}

/// How sound becomes a spectrogram.
#[derive(Clone)]
pub(super) struct FrontPlan {
    pub(super) rate: u32,
    pub(super) mels: usize,
    pub(super) n_fft: usize,
    pub(super) window: usize,
    pub(super) shape: Window,
    pub(super) hop: usize,
    pub(super) preemphasis: f32,
    /// What is added before the logarithm.
    pub(super) guard: f32,
    /// Whether the frame behind the last whole hop is left out.
    pub(super) whole: bool,
}

#[derive(Clone, Copy)]
pub(super) struct EncoderPlan {
    pub(super) mels: i32,
    pub(super) layers: usize,
    pub(super) width: i32,
    pub(super) heads: i32,
    pub(super) inner: i32,
    pub(super) kernel: i32,
    /// Channels of the convolutions that make 8 frames one.
    pub(super) channels: i32,
    /// How many times two frames become one.
    pub(super) halvings: u32,
    /// Whether states are multiplied by the root of their width.
    pub(super) scaled: bool,
    pub(super) bias: bool,
    pub(super) conv_bias: bool,
}

pub(super) struct CtcPlan {
    /// Where its weights are.
    pub(super) path: &'static str,
    pub(super) tokens: i32,
}

pub(super) struct TransducerPlan {
    /// Rows of the table of tokens.
    pub(super) rows: i32,
    pub(super) embedding: i32,
    pub(super) hidden: i32,
    pub(super) layers: usize,
    pub(super) joint: i32,
    pub(super) activation: Activation,
    /// Tokens with the one that stands for none.
    pub(super) tokens: i32,
    /// Frames of a token, of which the model chooses; none if it does not.
    pub(super) durations: Vec<u32>,
    /// Tokens of one frame.
    pub(super) most: usize,
    /// The token before the first; zeros if there is none.
    pub(super) start: Option<u32>,
}

/// What bends the sum of sound and text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    Relu,
    Sigmoid,
    Tanh,
}

impl Activation {
    fn named(name: &str) -> Result<Self> {
        match name {
            "relu" => Ok(Self::Relu),
            "sigmoid" => Ok(Self::Sigmoid),
            "tanh" => Ok(Self::Tanh),
            other => {
                Err(wrong(format!("activation `{other}` is not supported (known: relu, sigmoid, tanh)")))
            }
        }
    }
}

impl Plan {
    /// The plan of a folder.
    ///
    /// # Errors
    /// A field is missing, out of its range, or of a kind that is not supported.
    pub(super) fn read(directory: &Directory) -> Result<Self> {
        let config = directory.config()?;
        let plan = match config.get("encoder_config") {
            Some(_) => transformers::plan(&config, directory)?,
            None => nemo::plan(&config)?,
        };
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<()> {
        let FrontPlan { rate, mels, .. } = self.front;
        if rate != 16_000 {
            return Err(wrong(format!("the rate of the sound is {rate}: 16000 is supported")));
        }
        let EncoderPlan { width, heads, inner, kernel, channels, halvings, .. } = self.encoder;
        if usize::try_from(self.encoder.mels) != Ok(mels) {
            let problem =
                format!("the front end makes {mels} mels, and the encoder takes {}", self.encoder.mels);
            return Err(wrong(problem));
        }
        for (field, size, most) in [
            ("the number of mels", self.encoder.mels, 1 << 10),
            ("the number of layers", count(self.encoder.layers), 1 << 12),
            ("the width", width, 1 << 16),
            ("the number of heads", heads, width),
            ("the inner width", inner, 1 << 20),
            ("the kernel of convolutions", kernel, 1 << 10),
            ("the channels of subsampling", channels, 1 << 14),
            ("the halvings of subsampling", halvings.try_into().unwrap_or(0), 8),
        ] {
            check(field, size, most)?;
        }
        if width % heads != 0 || width % 2 != 0 || kernel % 2 == 0 {
            return Err(wrong("the width must be even and a multiple of the heads, and the kernel odd"));
        }
        if let Some(ctc) = &self.ctc {
            check("the number of tokens", ctc.tokens, 1 << 24)?;
        }
        let Some(transducer) = &self.transducer else { return Ok(()) };
        for (field, size, most) in [
            ("the number of tokens", transducer.tokens, 1 << 24),
            ("the rows of the embedding", transducer.rows, 1 << 24),
            ("the width of the embedding", transducer.embedding, 1 << 16),
            ("the layers of the predictor", count(transducer.layers), 1 << 8),
            ("the width of the predictor", transducer.hidden, 1 << 16),
            ("the width of the joint network", transducer.joint, 1 << 16),
        ] {
            check(field, size, most)?;
        }
        let slow = transducer.durations.iter().find(|&&duration| duration > 1 << 10);
        match slow {
            Some(duration) => Err(wrong(format!("a duration is {duration}: it must be 1024 at most"))),
            None => Ok(()),
        }
    }
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::config("config.json", problem)
}

/// How often two become one in so many.
fn halvings(factor: u32) -> Result<u32> {
    match factor.is_power_of_two() {
        true => Ok(factor.trailing_zeros()),
        false => Err(wrong(format!("the factor of subsampling is {factor}: it must be a power of 2"))),
    }
}
