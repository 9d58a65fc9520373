//! The models that requests may name, and what they are for.

use std::collections::HashMap;
use std::time::Instant;

use mlx_hub::Checkpoint;
use serde_json::Value;

use crate::engine::{Engine, Memory, Shared};
use crate::fault::Fault;
use crate::metrics::Metrics;
use crate::options::{ModelOptions, ServerOptions};
use crate::speech::{HearJob, HearWorker, SpeakJob, SpeakWorker};
use crate::text::{TextJob, TextWorker};
use crate::vectors::{EmbedJob, EmbedWorker, RankJob, RankWorker};
use crate::{Error, Result};

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Text from text.
    Write,
    /// Text from text and images.
    See,
    /// Vectors from texts.
    Embed,
    /// Scores from pairs of texts.
    Rerank,
    /// Text from sound.
    Transcribe,
    /// Sound from text.
    Speak,
}

impl Task {
    /// Its name, as `--task` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::See => "see",
            Self::Embed => "embed",
            Self::Rerank => "rerank",
            Self::Transcribe => "transcribe",
            Self::Speak => "speak",
        }
    }

    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Write, Self::See, Self::Embed, Self::Rerank, Self::Transcribe, Self::Speak];

    /// What the files of a checkpoint say that it is for.
    fn of(checkpoint: &Checkpoint) -> Result<Self, mlx_hub::Error> {
        let Checkpoint::Directory(directory) = checkpoint else { return Ok(Self::Write) };
        // Exports of Kokoro to ONNX have their phonemes alone.
        if directory.file("config.json").is_none() && directory.file("vocab.json").is_some() {
            return Ok(Self::Speak);
        }
        let config = directory.config()?;
        let text = |field: &str| config.get(field).and_then(Value::as_str).unwrap_or_default();
        let kind = text("model_type");
        let architecture =
            config.get("architectures").and_then(|names| names.get(0)?.as_str()).unwrap_or_default();
        Ok(if config.get("istftnet").is_some() {
            Self::Speak
        } else if architecture.ends_with("ForSequenceClassification") {
            Self::Rerank
        } else if directory.file("modules.json").is_some() || mlx_embed::encoder::KNOWN.contains(&kind) {
            Self::Embed
        } else if mlx_audio::recognizer::KNOWN.contains(&kind)
            // Those that say nothing are Whispers.
            || (kind.is_empty() && architecture.is_empty())
            || text("target").starts_with("nemo.collections.asr.")
        {
            Self::Transcribe
        } else if mlx_vlm::KNOWN.contains(&kind) && config.get("vision_config").is_some() {
            Self::See
        } else {
            Self::Write
        })
    }
}

/// A model that requests may name.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) task: Task,
    /// When it was taken up, in seconds since 1970.
    pub(crate) created: u64,
    pub(crate) engine: Kind,
}

/// The engine of a model, by what it does.
pub(crate) enum Kind {
    Text(Engine<TextJob>),
    Embed(Engine<EmbedJob>),
    Rank(Engine<RankJob>),
    Hear(Engine<HearJob>),
    Speak(Engine<SpeakJob>),
}

/// All models.
pub(crate) struct Catalogue {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
}

impl Catalogue {
    /// Starts the engines of all models, and loads those that are to be there at once.
    pub(crate) fn open(options: &ServerOptions, metrics: &Metrics) -> Result<Self> {
        let memory = Memory::new(options.limits.memory)?;
        let mut catalogue = Self { entries: Vec::new(), by_name: HashMap::new() };
        for model in &options.models {
            let entry = Entry::start(model, options, &memory, metrics)?;
            if model.preload {
                entry.wake();
            }
            let place = catalogue.entries.len();
            if catalogue.by_name.insert(model.name.clone(), place).is_some() {
                return Err(Error::Options(format!(
                    "two models have the name {}: give them others",
                    model.name
                )));
            }
            catalogue.entries.push(entry);
        }
        Ok(catalogue)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The model of a name; without one, the first that `fits`.
    pub(crate) fn find<'c, E>(
        &'c self,
        name: Option<&str>,
        what: &str,
        fits: impl Fn(&'c Kind) -> Option<&'c E>,
    ) -> Result<(&'c Entry, &'c E), Fault> {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            let first = self.entries.iter().find_map(|entry| Some((entry, fits(&entry.engine)?)));
            return first.ok_or_else(|| Fault::field("model", format!("no model that {what} is served")));
        };
        let entry = self.get(name)?;
        let engine = fits(&entry.engine);
        engine.map(|engine| (entry, engine)).ok_or_else(|| {
            Fault::field("model", format!("the model {name} does not {what}: name one that does"))
        })
    }

    /// A model that writes.
    pub(crate) fn writer(&self, name: Option<&str>) -> Result<(&Entry, &Engine<TextJob>), Fault> {
        self.find(name, "write", Kind::writes)
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Entry, Fault> {
        let entry = self.by_name.get(name).and_then(|place| self.entries.get(*place));
        entry.ok_or_else(|| {
            let names: Vec<_> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
            let message = format!("the model {name} is not served; those that are: {}", names.join(", "));
            let fault = Fault::new(axum::http::StatusCode::NOT_FOUND, message).code("model_not_found");
            Fault { param: Some("model".into()), ..fault }
        })
    }

    /// Lets all engines end when what they have is done, or at `deadline` at the latest.
    pub(crate) fn close(&self, deadline: Instant) {
        self.entries.iter().for_each(|entry| entry.close(deadline));
    }

    /// Waits for the ends of all engines.
    pub(crate) fn join(&self) {
        self.entries.iter().for_each(Entry::join);
    }
}

/// The same for the engine of every kind.
macro_rules! each {
    ($kind:expr, $engine:ident => $do:expr) => {
        match $kind {
            Kind::Text($engine) => $do,
            Kind::Embed($engine) => $do,
            Kind::Rank($engine) => $do,
            Kind::Hear($engine) => $do,
            Kind::Speak($engine) => $do,
        }
    };
}

impl Entry {
    fn start(
        model: &ModelOptions,
        options: &ServerOptions,
        memory: &Memory,
        metrics: &Metrics,
    ) -> Result<Self> {
        let wrong =
            |error: &dyn std::error::Error| Error::Model { name: model.name.clone(), why: error.to_string() };
        let task = match model.task {
            Some(task) => task,
            None => {
                let checkpoint = model.source.resolve().map_err(|error| wrong(&error))?;
                Task::of(&checkpoint).map_err(|error| wrong(&error))?
            }
        };
        let engine = Kind::start(task, model, options, memory, metrics).map_err(|error| wrong(&error))?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let created = now.map_or(0, |since| since.as_secs());
        Ok(Self { name: model.name.clone(), task, created, engine })
    }

    pub(crate) fn shared(&self) -> &Shared {
        each!(&self.engine, engine => engine.shared())
    }

    pub(crate) fn ping(&self) -> tokio::sync::oneshot::Receiver<()> {
        each!(&self.engine, engine => engine.ping())
    }

    fn wake(&self) {
        each!(&self.engine, engine => engine.wake());
    }

    fn close(&self, deadline: Instant) {
        each!(&self.engine, engine => engine.close(deadline));
    }

    fn join(&self) {
        each!(&self.engine, engine => engine.join());
    }
}

macro_rules! kinds {
    ($($name:ident: $kind:ident($job:ty),)*) => {
        impl Kind {
            $(pub(crate) fn $name(&self) -> Option<&Engine<$job>> {
                if let Self::$kind(engine) = self { Some(engine) } else { None }
            })*
        }
    };
}

kinds! {
    writes: Text(TextJob),
    embeds: Embed(EmbedJob),
    ranks: Rank(RankJob),
    hears: Hear(HearJob),
    speaks: Speak(SpeakJob),
}

impl Kind {
    fn start(
        task: Task,
        model: &ModelOptions,
        options: &ServerOptions,
        memory: &Memory,
        metrics: &Metrics,
    ) -> std::io::Result<Self> {
        let (name, limits) = (&model.name, &options.limits);
        let (queue, idle) = (limits.queue, limits.idle);
        let (model, memory) = (model.clone(), memory.clone());
        Ok(match task {
            Task::Write | Task::See => {
                let worker = TextWorker {
                    metrics: metrics.of(name),
                    options: model.clone(),
                    sees: task == Task::See,
                    limits: limits.clone(),
                    memory,
                    processors: options.processors.clone(),
                };
                Self::Text(Engine::start(name, worker, queue, idle)?)
            }
            Task::Embed => {
                Self::Embed(Engine::start(name, EmbedWorker { options: model.clone(), memory }, queue, idle)?)
            }
            Task::Rerank => {
                Self::Rank(Engine::start(name, RankWorker { options: model.clone(), memory }, queue, idle)?)
            }
            Task::Transcribe => {
                Self::Hear(Engine::start(name, HearWorker { options: model.clone(), memory }, queue, idle)?)
            }
            Task::Speak => {
                Self::Speak(Engine::start(name, SpeakWorker { options: model.clone(), memory }, queue, idle)?)
            }
        })
    }
}
