//! What is counted, for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfModel {
    model: String,
}

/// A way of the interface, and how it answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    route: String,
    status: u16,
}

/// A histogram of seconds, from a millisecond to half a minute.
type Seconds = Family<OfModel, Histogram, fn() -> Histogram>;

/// All that is counted.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Counts>);

struct Counts {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    prompt_tokens: Family<OfModel, Counter>,
    cached_tokens: Family<OfModel, Counter>,
    generated_tokens: Family<OfModel, Counter>,
    cancelled: Family<OfModel, Counter>,
    running: Family<OfModel, Gauge>,
    waiting: Family<OfModel, Gauge>,
    restarts: Family<OfModel, Gauge>,
    kept: Family<OfModel, Gauge>,
    memory: Gauge,
    first_token: Seconds,
    between_tokens: Seconds,
}

fn seconds() -> Seconds {
    Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 16)))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut counts = Counts {
            registry: Registry::with_prefix("mlx"),
            requests: Family::default(),
            prompt_tokens: Family::default(),
            cached_tokens: Family::default(),
            generated_tokens: Family::default(),
            cancelled: Family::default(),
            running: Family::default(),
            waiting: Family::default(),
            restarts: Family::default(),
            kept: Family::default(),
            memory: Gauge::default(),
            first_token: seconds(),
            between_tokens: seconds(),
        };
        counts.register();
        Self(Arc::new(counts))
    }

    /// What is counted of one model.
    pub(crate) fn of(&self, model: &str) -> ModelMetrics {
        ModelMetrics { counts: Arc::clone(&self.0), label: OfModel { model: model.to_owned() } }
    }

    pub(crate) fn request(&self, route: &str, status: u16) {
        self.0.requests.get_or_create(&OfRequest { route: route.to_owned(), status }).inc();
    }

    /// The memory that MLX holds.
    pub(crate) fn memory(&self, bytes: u64) {
        self.0.memory.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// All of it, as Prometheus reads it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // A String takes everything.
        let _ = encode(&mut text, &self.0.registry);
        text
    }
}

impl Counts {
    fn register(&mut self) {
        let Self { registry, .. } = self;
        registry.register("requests", "Requests answered", self.requests.clone());
        registry.register("prompt_tokens", "Tokens of prompts", self.prompt_tokens.clone());
        registry.register(
            "cached_tokens",
            "Tokens of prompts that were remembered",
            self.cached_tokens.clone(),
        );
        registry.register("generated_tokens", "New tokens", self.generated_tokens.clone());
        registry.register("cancelled", "Texts whose clients had gone", self.cancelled.clone());
        registry.register("running", "Requests in hand", self.running.clone());
        registry.register("waiting", "Requests in the queue", self.waiting.clone());
        registry.register("engine_restarts", "Times that an engine began anew", self.restarts.clone());
        registry.register_with_unit(
            "prompt_cache",
            "What is kept of prompts",
            Unit::Bytes,
            self.kept.clone(),
        );
        registry.register_with_unit("memory", "What MLX holds", Unit::Bytes, self.memory.clone());
        let about = "From the start of a text to its first token";
        registry.register_with_unit("first_token", about, Unit::Seconds, self.first_token.clone());
        let about = "From one token of a text to the next";
        registry.register_with_unit("between_tokens", about, Unit::Seconds, self.between_tokens.clone());
    }
}

/// What is counted of one model.
#[derive(Clone)]
pub(crate) struct ModelMetrics {
    counts: Arc<Counts>,
    label: OfModel,
}

impl ModelMetrics {
    /// A prompt was read.
    pub(crate) fn read(&self, tokens: usize, cached: usize) {
        self.counts.prompt_tokens.get_or_create(&self.label).inc_by(tokens as u64);
        self.counts.cached_tokens.get_or_create(&self.label).inc_by(cached as u64);
    }

    /// A token came after so long: the first of its text, or another.
    pub(crate) fn token(&self, after: Duration, first: bool) {
        self.counts.generated_tokens.get_or_create(&self.label).inc();
        let times = if first { &self.counts.first_token } else { &self.counts.between_tokens };
        times.get_or_create(&self.label).observe(after.as_secs_f64());
    }

    /// A text was left, since its client had gone.
    pub(crate) fn cancelled(&self) {
        self.counts.cancelled.get_or_create(&self.label).inc();
    }

    /// So many bytes of prompts are kept.
    pub(crate) fn kept(&self, bytes: u64) {
        self.counts.kept.get_or_create(&self.label).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// What is running and waiting, and how often the engine began anew.
    pub(crate) fn load(&self, running: usize, waiting: usize, restarts: u64) {
        let set = |gauge: &Family<OfModel, Gauge>, value| {
            gauge.get_or_create(&self.label).set(value);
        };
        set(&self.counts.running, running as i64);
        set(&self.counts.waiting, waiting as i64);
        set(&self.counts.restarts, i64::try_from(restarts).unwrap_or(i64::MAX));
    }
}
