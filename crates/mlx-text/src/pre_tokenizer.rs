//! How byte-level vocabularies cut text into words before merging, by the name GGUF files give it.
//!
//! The patterns are those of the models' own `tokenizer.json`; the names are llama.cpp's.

use tokenizers::{
    PreTokenizerWrapper, SplitDelimiterBehavior,
    pre_tokenizers::{
        byte_level::ByteLevel,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
};

use crate::{Error, Result};

/// What a pre-tokenizer name says about a vocabulary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PreTokenizer {
    /// Patterns applied in turn; each match becomes a word of its own.
    splits: &'static [&'static str],
    /// Whether GPT-2's own pattern comes last.
    gpt2: bool,
    /// A word that is a token is taken whole, even where the merges would not build it.
    pub(crate) ignore_merges: bool,
    /// Whether text begins with the BOS token unless the file says otherwise.
    pub(crate) add_bos: bool,
    /// Whether the text is composed (Unicode NFC) first.
    pub(crate) compose: bool,
}

const GPT2: PreTokenizer =
    PreTokenizer { splits: &[], gpt2: true, ignore_merges: false, add_bos: false, compose: false };
const DIGITS: PreTokenizer = PreTokenizer { splits: &[r"\p{N}"], ..GPT2 };
const QWEN2: PreTokenizer = only(&[concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)]);
const LLAMA3: PreTokenizer = only(&[concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)]);
const QWEN35: PreTokenizer = only(&[concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}",
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)]);
const TEKKEN: PreTokenizer = only(&[concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)]);
const GPT4O: PreTokenizer = only(&[concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)]);
const DEEPSEEK3: PreTokenizer = only(&[
    r"\p{N}{1,3}",
    r"[\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+",
    concat!(
        r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##,
        r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
]);
const DEEPSEEK_CODER: PreTokenizer = only(&[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", DEEPSEEK_ASIAN, r"\p{N}"]);
const DEEPSEEK_LLM: PreTokenizer =
    only(&[r"[\r\n]", DEEPSEEK_LETTERS, DEEPSEEK_PUNCTUATION, r"\s+$", DEEPSEEK_ASIAN, r"\p{N}+"]);
const FALCON: PreTokenizer = only(&[r"[\p{P}\$\+<=>\^~\|`]+", GPT2_WORDS, r"[0-9][0-9][0-9]"]);
const DEFAULT: PreTokenizer = only(&[r"[\p{P}\$\+<=>\^~\|]+", GPT2_WORDS, r"\p{N}+", r"[0-9][0-9][0-9]"]);
const BAILING: PreTokenizer = only(&[concat!(
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
)]);
const SEED_CODER: PreTokenizer = only(&[concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",
)]);

const GPT2_WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const DEEPSEEK_ASIAN: &str = r"[\x{0800}-\x{9FA5}\x{AC00}-\x{D7FF}]+";
const DEEPSEEK_PUNCTUATION: &str =
    r"\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+";
const DEEPSEEK_LETTERS: &str = concat!(
    r"\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}",
    r"\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}",
    r"\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}",
    r"\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}",
    r"\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}",
    r"\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}",
    r"\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}",
    r"\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}",
    r"\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}",
    r"\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}",
    r"\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}",
    r"\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}",
    r"\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+",
);

/// Names that share a pre-tokenizer, with it.
const TABLE: &[(&[&str], PreTokenizer)] = &[
    (&["default"], DEFAULT),
    (&["gpt-2", "phi-2", "mpt", "olmo", "jais", "gigachat", "mellum", "trillion", "exaone4"], GPT2),
    (&["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"], DIGITS),
    (&["qwen2"], PreTokenizer { compose: true, ..QWEN2 }),
    (&["deepseek-r1-qwen", "stablelm2", "hunyuan", "megrez", "solar-open", "grok-2"], QWEN2),
    (&["qwen35"], QWEN35),
    (
        &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
        PreTokenizer { ignore_merges: true, add_bos: true, ..LLAMA3 },
    ),
    (&["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], LLAMA3),
    (&["tekken"], PreTokenizer { ignore_merges: true, add_bos: true, ..TEKKEN }),
    (&["gpt-4o", "llama4", "kanana2", "minimax-m2"], GPT4O),
    (&["deepseek-llm"], DEEPSEEK_LLM),
    (&["deepseek-coder"], DEEPSEEK_CODER),
    (&["deepseek-v3", "hunyuan-dense", "joyai-llm"], DEEPSEEK3),
    (&["falcon"], FALCON),
    (&["bailingmoe", "bailingmoe2", "llada-moe"], BAILING),
    (&["seed-coder"], SEED_CODER),
];

const fn only(splits: &'static [&'static str]) -> PreTokenizer {
    PreTokenizer { splits, gpt2: false, ..GPT2 }
}

impl PreTokenizer {
    /// Finds a pre-tokenizer by the name in `tokenizer.ggml.pre`.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let found = TABLE.iter().find(|(names, _)| names.contains(&name));
        found.map(|(_, pre)| *pre).ok_or_else(|| {
            let known: Vec<_> = TABLE.iter().flat_map(|(names, _)| *names).copied().collect();
            Error::vocab(format!("unknown pre-tokenizer '{name}': known are {}", known.join(", ")))
        })
    }

    pub(crate) fn build(&self) -> Result<PreTokenizerWrapper> {
        let mut steps = Vec::new();
        for pattern in self.splits {
            let pattern = SplitPattern::Regex((*pattern).to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(Error::vocab)?;
            steps.push(split.into());
        }
        steps.push(ByteLevel::new(false, true, self.gpt2).into());
        Ok(Sequence::new(steps).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pre_tokenizer_builds() {
        for (names, pre) in TABLE {
            assert!(pre.build().is_ok(), "{names:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let message = PreTokenizer::named("grok-9").unwrap_err().to_string();
        assert!(message.starts_with("gguf vocabulary: unknown pre-tokenizer 'grok-9': known are default, "));
        assert!(message.contains("llama-bpe"));
    }
}
