//! Decoders that say whether a text answers a query: the score is what `yes` has of `yes` and `no`.

use mlx_core::{Array, Dtype};
use mlx_hub::Source;
use mlx_lm::{LanguageModel, Loader};

use super::{RankOptions, in_places};
use crate::batch::batches;
use crate::encoder::states;
use crate::{Error, Packed, Result};

/// What Qwen3-Reranker was trained to be asked.
const BEFORE: &str = "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the \
                      Instruct provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n\
                      <|im_start|>user\n";
const BEHIND: &str = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";
const INSTRUCTION: &str = "Given a web search query, retrieve relevant passages that answer the query";

/// The longest question; the context of the checkpoint, if that is shorter.
const LONGEST: usize = 8192;

/// A decoder with the tokens of its answers.
pub(super) struct Judge {
    model: LanguageModel,
    yes: i32,
    no: i32,
    before: Vec<u32>,
    behind: Vec<u32>,
}

impl Judge {
    pub(super) fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        let model = Loader::new(source.clone()).dtype(dtype).load()?;
        let tokenizer = model.tokenizer();
        let answer = |text: &str| {
            let id = tokenizer.id(text).and_then(|id| i32::try_from(id).ok());
            let known = id.filter(|&id| model.model().vocab_size() > id.unsigned_abs() as usize);
            known.ok_or_else(|| {
                Error::config("tokenizer.json", format!("has no token `{text}`: the model is no reranker"))
            })
        };
        let (yes, no) = (answer("yes")?, answer("no")?);
        let (before, behind) = (tokenizer.encode(BEFORE, false)?, tokenizer.encode(BEHIND, false)?);
        Ok(Self { model, yes, no, before, behind })
    }

    pub(super) fn scores(&self, query: &str, documents: &[&str], options: &RankOptions) -> Result<Vec<f32>> {
        let instruction = options.instruction.as_deref().unwrap_or(INSTRUCTION);
        let questions = documents
            .iter()
            .map(|document| self.question(instruction, query, document))
            .collect::<Result<Vec<_>>>()?;
        let lengths: Vec<_> = questions.iter().map(Vec::len).collect();
        let mut scored = Vec::new();
        for batch in batches(&lengths, options.batch_tokens) {
            let packed = Packed::new(batch.iter().filter_map(|&at| questions.get(at)).map(Vec::as_slice));
            scored.push((batch, self.judged(&packed)?));
        }
        Ok(in_places(documents.len(), scored))
    }

    /// The tokens of a question, of which the document loses its end if it is too long.
    fn question(&self, instruction: &str, query: &str, document: &str) -> Result<Vec<u32>> {
        let text = format!("<Instruct>: {instruction}\n<Query>: {query}\n<Document>: {document}");
        let longest = self.model.model().context().map_or(LONGEST, |context| context.min(LONGEST));
        let left = longest.saturating_sub(self.before.len() + self.behind.len());
        let text = self.model.tokenizer().encode(&text, false)?;
        Ok(self.before.iter().chain(text.iter().take(left)).chain(&self.behind).copied().collect())
    }

    /// How much of `yes` there is in the answers.
    fn judged(&self, questions: &Packed) -> Result<Vec<f32>> {
        let decoder = self.model.model().decoder();
        let last = states(decoder, questions, |states| states.index((.., -1)))?;
        let scores = decoder.scores(&last)?.astype(Dtype::Float32)?;
        let answers = scores.take(&Array::from([self.no, self.yes]), -1)?;
        Ok(answers.softmax(-1)?.index((.., 1))?.to_vec()?)
    }
}
