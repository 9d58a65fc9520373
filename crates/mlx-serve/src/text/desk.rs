//! Where all texts of a model are written at the same time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlx_lm::sampling::Processor;
use mlx_lm::{BatchOptions, BatchPrompt, EventKind, FinishReason, SequenceId, TextBatchGenerator};
use mlx_memory::Ticket;

use super::job::{Ask, TextEvent, TextJob, Tokens};
use super::model::TextModel;
use super::prefixes::Prefixes;
use super::reading::Reading;
use super::request::{House, Reads, Ready};
use super::stored;
use super::stride::Stride;
use super::writing::Writing;
use crate::engine::{Inbox, Memory, Shared, Waited, Worker};
use crate::fault::Fault;
use crate::metrics::ModelMetrics;
use crate::options::{Limits, ModelOptions};

/// How long a desk with nothing to do waits for memory that others hold.
const PAUSE: Duration = Duration::from_millis(5);

/// What the thread of a model that writes does.
pub(crate) struct TextWorker {
    pub(crate) options: ModelOptions,
    pub(crate) sees: bool,
    pub(crate) limits: Limits,
    pub(crate) memory: Memory,
    pub(crate) processors: Vec<Processor>,
    pub(crate) metrics: ModelMetrics,
}

impl Worker for TextWorker {
    type Job = TextJob;
    type Model = TextModel;

    fn load(&self) -> Result<TextModel, Fault> {
        TextModel::load(&self.options, self.sees, &self.limits, &self.memory)
    }

    fn run(&self, model: &TextModel, inbox: &mut Inbox<TextJob>) {
        let options = BatchOptions {
            completion_batch_size: self.limits.concurrency,
            prefill_step: self.limits.prefill_step,
            ..BatchOptions::default()
        };
        match TextBatchGenerator::new(model.language(), options) {
            Ok(batch) => Desk::new(self, model, batch).work(inbox),
            Err(error) => tracing::error!("a model cannot be run: {error}"),
        }
    }
}

/// All texts of a model, those that wait too.
struct Desk<'m> {
    worker: &'m TextWorker,
    house: House<'m>,
    batch: TextBatchGenerator<'m>,
    writings: HashMap<SequenceId, Writing>,
    /// When each text had its last token.
    pace: HashMap<SequenceId, Instant>,
    stride: Stride,
    reading: Option<Reading>,
    queue: VecDeque<Ready>,
    prefixes: Prefixes,
}

impl<'m> Desk<'m> {
    fn new(worker: &'m TextWorker, model: &'m TextModel, batch: TextBatchGenerator<'m>) -> Self {
        let (options, limits, processors) = (&worker.options, &worker.limits, &worker.processors);
        let mut prefixes = Prefixes::new(limits.prompt_cache);
        if let Some(all) = &limits.prompt_cache_dir {
            let kept = stored::read(&stored::folder(all, &options.name), model.language());
            kept.into_iter().for_each(|kept| prefixes.put(kept.into()));
        }
        Self {
            worker,
            house: House { model, options, limits, processors },
            batch,
            writings: HashMap::new(),
            pace: HashMap::new(),
            stride: Stride::new(limits.prefill_step, limits.token_gap),
            reading: None,
            queue: VecDeque::new(),
            prefixes,
        }
    }

    /// Writes until nothing comes for a while, or the server ends.
    fn work(mut self, inbox: &mut Inbox<TextJob>) {
        let shared = Arc::clone(inbox.shared());
        loop {
            if self.is_idle() {
                match inbox.wait() {
                    Waited::Job(job) => self.accept(job, &shared),
                    Waited::Idle | Waited::Closed => return self.store(),
                }
            }
            while let Some(job) = inbox.take() {
                self.accept(job, &shared);
            }
            if inbox.is_over() {
                self.give_up(&shared);
                return self.store();
            }
            self.drop_abandoned(&shared);
            self.admit(&shared);
            self.round();
            shared.set_running(self.writings.len() + usize::from(self.reading.is_some()));
            self.worker.metrics.kept(self.prefixes.bytes());
        }
    }

    /// Keeps the beginnings of prompts in files, if that is wanted.
    fn store(&self) {
        let Some(all) = &self.worker.limits.prompt_cache_dir else { return };
        let folder = stored::folder(all, &self.worker.options.name);
        if let Err(error) = stored::write(&folder, self.prefixes.of_text(), self.house.model.language()) {
            tracing::warn!("{error}: prompts are not kept");
        }
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.reading.is_none() && self.batch.is_idle()
    }

    /// Takes up a job: answers it at once, or puts it into the queue.
    fn accept(&mut self, job: TextJob, shared: &Shared) {
        match job {
            TextJob::Write(write) => match self.house.ready(*write) {
                Ok(ready) => return self.queue.push_back(ready),
                Err(refused) => {
                    let (fault, reply) = *refused;
                    let _ = reply.send(TextEvent::Failed(fault));
                }
            },
            TextJob::Tokens(ask, answer) => drop(answer.send(self.tokens(&ask))),
            TextJob::Text(ids, answer) => {
                let text = self.house.model.language().tokenizer().decode(&ids, false);
                drop(answer.send(text.map_err(Fault::from)));
            }
        }
        shared.leave();
    }

    fn tokens(&self, ask: &Ask) -> Result<Tokens, Fault> {
        let ids = self.house.tokens(ask)?;
        Ok(Tokens { ids, context: self.house.model.language().model().context() })
    }

    /// Begins those whose turn it is and for whom there is room and memory.
    fn admit(&mut self, shared: &Shared) {
        while let Some(first) = self.queue.front() {
            let texts = self.writings.len()
                + self.reading.as_ref().map_or(0, |reading| reading.request.options.len());
            if texts > 0 && texts + first.options.len() > self.worker.limits.concurrency
                || self.reading.is_some()
            {
                return;
            }
            let ticket = self.worker.memory.take(first.cost);
            match ticket {
                Ok(None) if self.writings.is_empty() && self.reading.is_none() => {
                    std::thread::sleep(PAUSE);
                    return;
                }
                Ok(None) => return,
                ticket => {
                    let Some(request) = self.queue.pop_front() else { return };
                    shared.leave();
                    match ticket {
                        Ok(Some(ticket)) => self.begin(request, ticket),
                        Ok(None) => {}
                        Err(fault) => drop(request.reply.send(TextEvent::Failed(fault))),
                    }
                }
            }
        }
    }

    /// Begins a request: with the others where it is one text, else by reading its prompt first.
    fn begin(&mut self, request: Ready, ticket: Ticket) {
        let kept = self.prefixes.find(request.prompt.tokens(), request.prompt.marks());
        let simple = matches!(request.prompt, Reads::Text(_)) && request.options.len() == 1;
        if simple {
            let cached = kept.as_ref().map_or(0, |cache| cache.offset().unsigned_abs() as usize);
            let mut prompt = BatchPrompt::new(request.prompt.tokens()).keep_cache().keep_prompt_cache();
            if let Some(cache) = kept {
                prompt = prompt.cache(cache);
            }
            return self.write(request, &prompt, cached, ticket);
        }
        let model = self.house.model.language().model();
        let cache = match kept {
            Some(cache) => Ok(cache),
            None => model.cache().with(&self.worker.options.cache),
        };
        match cache {
            Ok(cache) => self.reading = Some(Reading::new(request, ticket, cache)),
            Err(error) => drop(request.reply.send(TextEvent::Failed(error.into()))),
        }
    }

    /// Puts the texts of a request beside the others.
    fn write(&mut self, mut request: Ready, prompt: &BatchPrompt, cached_tokens: usize, ticket: Ticket) {
        let prompt_tokens = request.prompt.tokens().len();
        self.worker.metrics.read(prompt_tokens, cached_tokens);
        let _ = request.reply.send(TextEvent::Read { prompt_tokens, cached_tokens });
        let ticket = Arc::new(ticket);
        for (choice, options) in std::mem::take(&mut request.options).into_iter().enumerate() {
            let prompt = if request.marked { prompt.clone().with_special_tokens() } else { prompt.clone() };
            match self.batch.insert(prompt, options) {
                Ok(id) => {
                    self.writings.insert(id, Writing::new(&request, choice, Arc::clone(&ticket)));
                    self.pace.insert(id, Instant::now());
                }
                Err(error) => drop(request.reply.send(TextEvent::Failed(error.into()))),
            }
        }
    }

    /// A token for each text, and a part of the prompts.
    fn round(&mut self) {
        let begun = Instant::now();
        let others_wait = self.batch.running() > 0;
        let tokens = self.stride.tokens(others_wait);
        self.batch.set_prefill_step(tokens);
        let read = self.read_on(tokens);
        self.step();
        if others_wait {
            self.stride.took(begun.elapsed(), read + self.batch.prompt_tokens_run());
        }
    }

    /// Runs so many tokens of the prompt that is read by itself. Returns how many there were.
    fn read_on(&mut self, tokens: usize) -> usize {
        let Some(mut reading) = self.reading.take() else { return 0 };
        let (before, _) = reading.progress();
        let advanced = reading.advance(self.house.model, tokens);
        let (after, _) = reading.progress();
        self.take_up(reading, advanced);
        after.saturating_sub(before)
    }

    fn take_up(&mut self, reading: Reading, advanced: Result<bool, Fault>) {
        match advanced {
            Ok(true) => {
                let (prompt, cached) = (reading.prompt(), reading.cached);
                self.prefixes.put(reading.prefix());
                self.write(reading.request, &prompt, cached, reading.ticket);
            }
            Ok(false) => {
                let (processed, total) = reading.progress();
                let _ = reading.request.reply.send(TextEvent::Progress { processed, total });
                self.reading = Some(reading);
            }
            Err(fault) => drop(reading.request.reply.send(TextEvent::Failed(fault))),
        }
    }

    /// A token for each text, and a chunk of the prompts that wait.
    fn step(&mut self) {
        for event in self.batch.step() {
            match event.kind {
                EventKind::Prompt { processed, total } => {
                    let kept = self.batch.take_prompt_cache(event.id);
                    let Some(writing) = self.writings.get(&event.id) else { continue };
                    writing.send(TextEvent::Progress { processed, total });
                    if let Some((cache, tokens)) = kept {
                        self.prefixes.put(writing.prefix(tokens, cache));
                    }
                }
                EventKind::New(piece) => {
                    let first = self.writings.get(&event.id).is_some_and(Writing::is_new);
                    // The rest of a text may come without a token.
                    if let Some(before) = piece.token.and_then(|_| self.pace.insert(event.id, Instant::now()))
                    {
                        self.worker.metrics.token(before.elapsed(), first);
                    }
                    let tokenizer = self.house.model.language().tokenizer();
                    if let Some(writing) = self.writings.get_mut(&event.id) {
                        writing.push(piece, tokenizer);
                        if writing.is_enough() {
                            self.batch.finish(event.id, FinishReason::Stop);
                        }
                    }
                }
                EventKind::Finished { reason, .. } => {
                    let kept = self.batch.take_cache(event.id);
                    let Some(writing) = self.end(event.id) else { continue };
                    if let Some((cache, tokens)) = kept {
                        self.prefixes.put(writing.prefix(tokens, cache));
                    }
                    writing.finish(reason);
                }
                EventKind::Failed(error) => {
                    if let Some(writing) = self.end(event.id) {
                        writing.send(TextEvent::Failed(error.into()));
                    }
                }
            }
        }
    }

    fn end(&mut self, id: SequenceId) -> Option<Writing> {
        self.pace.remove(&id);
        self.writings.remove(&id)
    }

    /// Lets go of what nobody waits for.
    fn drop_abandoned(&mut self, shared: &Shared) {
        let abandoned: Vec<_> =
            self.writings.iter().filter(|(_, writing)| writing.is_abandoned()).map(|(id, _)| *id).collect();
        for id in abandoned {
            self.batch.cancel(id);
            self.end(id);
            self.worker.metrics.cancelled();
        }
        self.reading.take_if(|reading| reading.request.reply.is_closed());
        let before = self.queue.len();
        self.queue.retain(|request| !request.reply.is_closed());
        (self.queue.len()..before).for_each(|_| shared.leave());
    }

    /// Ends all texts where they are, since the server ends.
    fn give_up(&mut self, shared: &Shared) {
        let fault = Fault::unavailable("the server is ending");
        for (_, writing) in self.writings.drain() {
            writing.send(TextEvent::Failed(fault.clone()));
        }
        for request in self.queue.drain(..) {
            shared.leave();
            let _ = request.reply.send(TextEvent::Failed(fault.clone()));
        }
    }
}
