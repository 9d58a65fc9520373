//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueHint};
use mlx_core::Dtype;
use mlx_lm::GenerateOptions;

use crate::arithmetic::Arithmetic;
use crate::cache::Cache;
use crate::command::bench::Bench;
use crate::command::cache_prompt::CachePrompt;
use crate::command::chat::Chat;
use crate::command::codec::Codec;
use crate::command::completions::Completions;
use crate::command::convert::{Convert, Quantize};
use crate::command::doctor::Doctor;
use crate::command::embed::Embed;
use crate::command::encode::Encode;
use crate::command::man::Man;
use crate::command::perplexity::Perplexity;
use crate::command::rerank::Rerank;
use crate::command::serve::Serve;
use crate::command::speak::Speak;
use crate::command::transcribe::Transcribe;
use crate::command::vad::Vad;
use crate::drafting::Drafting;
use crate::form::Form;
use crate::sampling::Sampling;
use crate::shown::Shown;
use crate::terminal;

/// Run models of language, images and speech on MLX.
#[derive(Debug, Parser)]
#[command(
    name = "mlx",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    styles = terminal::STYLES,
    after_help = "\
Examples:
  mlx generate --model HuggingFaceTB/SmolLM2-135M-Instruct --prompt 'What is the capital of France?'
  mlx chat --model ./model
  mlx doctor

Environment:
  HF_HOME, HF_HUB_CACHE   where models of the Hub are kept
  HF_HUB_OFFLINE=1        use only what is there
  HF_TOKEN                for models that need a login
  MLX_NUM_THREADS         how many threads share the work of a CPU
  MLX_CPU_LEVEL           the instructions that kernels use: baseline, avx2, avx512 or avx512-dots
  MLX_CPU_KERNELS=0       use MLX's own loops instead of these kernels
  NO_COLOR=1              write without colours

Exit status:
  0    done, or the reader of the results went away
  1    it failed; one line on stderr says what was wrong, and the way out
  2    the command line is none
  A signal such as Ctrl-C ends the program as it ends others, and leaves no half-written file."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Generate(Box<Generate>),
    Chat(Chat),
    Logits(Logits),
    Info(Info),
    Convert(Convert),
    Quantize(Quantize),
    Perplexity(Perplexity),
    Bench(Bench),
    CachePrompt(CachePrompt),
    Embed(Embed),
    Encode(Encode),
    Codec(Codec),
    Rerank(Rerank),
    Serve(Serve),
    Speak(Speak),
    Transcribe(Transcribe),
    Vad(Vad),
    Doctor(Doctor),
    Completions(Completions),
    Man(Man),
}

/// Which model, and how it is loaded.
#[derive(Debug, ClapArgs)]
pub(crate) struct ModelArgs {
    /// A checkpoint folder, a GGUF file, or a Hub id such as org/name or org/name@revision
    #[arg(long, alias = "hf-path", value_name = "DIR|FILE.gguf|HUB_ID", value_hint = ValueHint::AnyPath)]
    pub(crate) model: String,
    /// Use only what is already on this machine
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Write the answer of a model.
///
/// The text streams to stdout, its statistics go to stderr. A Florence-2 is asked about one image by its tasks, such as
/// `<CAPTION>`, `<OD>` or `<CAPTION_TO_PHRASE_GROUNDING>a green car`, and answers with a text or with labels and boxes.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mlx generate --model HuggingFaceTB/SmolLM2-135M-Instruct --prompt 'What is the capital of France?'
  mlx generate --model ./model.gguf --prompt 'Once upon a time' --raw --temperature 0.8 --seed 7
  mlx generate --model ./model --prompt 'Name a fruit.' --temp 1 --min-p 0.05 --repetition-penalty 1.1
  mlx generate --model ./model --prompt 'A person, as JSON.' --json-schema person.json
  mlx generate --model ./model --prompt 'Yes or no?' --max-tokens 1 --json --logprobs 5
  mlx generate --model ./model --prompt 'Correct this: Teh cat sat.' --prompt-lookup 10
  mlx generate --model ./model --prompt-cache-file book.safetensors --prompt 'Who wrote this?'
  mlx generate --model Qwen/Qwen2-VL-2B-Instruct --image cat.jpg --prompt 'What is this?'
  mlx generate --model Qwen/Qwen2-VL-2B-Instruct --video waving.gif --fps 1 --prompt 'What happens?'
  mlx generate --model florence-community/Florence-2-base --image street.jpg --prompt '<OD>' --json
  echo 'Summarise this.' | mlx generate --model ./model --prompt -")]
pub(crate) struct Generate {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) shown: Shown,
    /// What to answer; `-` reads it from stdin
    #[arg(long, short)]
    pub(crate) prompt: String,
    /// An instruction that goes before the prompt
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    pub(crate) system_prompt: Option<String>,
    /// The most tokens to write
    #[arg(long, short, value_name = "N", default_value_t = 256)]
    pub(crate) max_tokens: usize,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
    #[command(flatten)]
    pub(crate) form: Form,
    /// End the text where this appears; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) stop: Vec<String>,
    /// Give the prompt to the model as it is, without the chat template
    #[arg(long, alias = "ignore-chat-template")]
    pub(crate) raw: bool,
    /// Write JSON lines; the last one holds the whole text and the statistics
    #[arg(long)]
    pub(crate) json: bool,
    /// Write how likely each token was, and this many of the most likely ones
    #[arg(long, value_name = "N", requires = "json")]
    pub(crate) logprobs: Option<usize>,
    #[command(flatten)]
    pub(crate) arithmetic: Arithmetic,
    /// Prompt tokens that are run together
    #[arg(long, value_name = "N", default_value_t = GenerateOptions::default().prefill_step)]
    pub(crate) prefill_step_size: usize,
    #[command(flatten)]
    pub(crate) cache: Cache,
    #[command(flatten)]
    pub(crate) drafting: Drafting,
    /// Go on from what `mlx cache-prompt` wrote; the prompt is the rest of its message
    #[arg(long, value_name = "FILE", conflicts_with_all = ["system_prompt", "max_kv_size", "kv_bits", "image", "video"])]
    pub(crate) prompt_cache_file: Option<PathBuf>,
}

/// Write a model's raw scores to a safetensors file.
///
/// `prefill` [T, V] holds the scores after each token, in float32; `decode` [N, V] those after each continued
/// token, which are fed one at a time through the cache. A Whisper hears the first half minute of `--audio`; a
/// model for CTC all of it, and `prefill` has the scores of each of its frames, without tokens. Tokens that go with
/// `--image` hold a placeholder for each vector that the model sees of it.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mlx logits --model ./model --tokens 1,2,3 --continue 4,5,6 --output logits.safetensors
  mlx logits --model ./whisper-base --audio talk.mp3 --tokens 50258,50259,50359 --output logits.safetensors
  mlx logits --model ./wav2vec2-base-960h --audio talk.mp3 --output logits.safetensors
  mlx logits --model ./qwen2-vl --image cat.png --tokens 1,151655,151655,2 --output logits.safetensors")]
pub(crate) struct Logits {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Token ids, separated by commas
    #[arg(long, value_delimiter = ',', required_unless_present = "audio", value_name = "IDS")]
    pub(crate) tokens: Vec<u32>,
    /// Token ids that follow, fed one at a time
    #[arg(long = "continue", value_delimiter = ',', requires = "tokens", value_name = "IDS")]
    pub(crate) continued: Vec<u32>,
    /// A recording that a model of speech hears
    #[arg(long, value_name = "AUDIO", conflicts_with_all = ["image", "video"])]
    pub(crate) audio: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shown: Shown,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Compute in this type
    #[arg(long, value_name = "DTYPE", default_value_t = Dtype::Float32)]
    pub(crate) dtype: Dtype,
}

/// Tell what this build runs on, and what a model is.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mlx info
  mlx info --model ./model.gguf
  mlx info --model ./model.gguf --json
  mlx info --model ./model.gguf --memory --length 32768
  mlx info --model ./model.gguf --memory --length 32768 --kv-bits 8")]
pub(crate) struct Info {
    /// A checkpoint folder, a GGUF file, or a Hub id
    #[arg(long, value_name = "DIR|FILE.gguf|HUB_ID")]
    pub(crate) model: Option<String>,
    /// Use only what is already on this machine
    #[arg(long)]
    pub(crate) offline: bool,
    /// Tell what memory this machine has, and what the model needs of it; its weights are not loaded
    #[arg(long)]
    pub(crate) memory: bool,
    /// Write one JSON object, with sizes in bytes
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) need: Need,
}

/// How a model would be run, for what it needs.
#[derive(Debug, ClapArgs)]
#[command(
    mut_arg("max_kv_size", |option| option.requires("memory")),
    mut_arg("kv_bits", |option| option.requires("memory"))
)]
pub(crate) struct Need {
    /// Tokens of a prompt and its answer; without it the model's context, and 4096 at most
    #[arg(long, value_name = "N", requires = "memory")]
    pub(crate) length: Option<usize>,
    /// Texts that run together
    #[arg(long, value_name = "N", default_value_t = 1, requires = "memory")]
    pub(crate) batch: usize,
    /// Prompt tokens that are run together
    #[arg(long, value_name = "N", default_value_t = GenerateOptions::default().prefill_step, requires = "memory")]
    pub(crate) prefill_step_size: usize,
    /// Compute in this type instead of the checkpoint's
    #[arg(long, value_name = "DTYPE", requires = "memory")]
    pub(crate) dtype: Option<Dtype>,
    #[command(flatten)]
    pub(crate) cache: Cache,
}
