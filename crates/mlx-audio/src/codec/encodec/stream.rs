//! Audio and codes that come in parts, for an EnCodec that is causal.

use mlx_core::{Array, concatenate};

use super::Encodec;
use crate::Result;
use crate::codec::part::seanet::Kept;
use crate::codec::{Codec, Codes, Facts, Options, Stream, cut, whole};

/// What is kept of the parts so far, in both directions.
pub(super) struct EncodecStream<'a> {
    codec: &'a Encodec,
    books: usize,
    encoder: Way,
    decoder: Way,
}

/// One direction.
#[derive(Default)]
struct Way {
    /// What came before it was enough to begin: all layers mirror their beginning.
    first: Option<Array>,
    begun: bool,
    kept: Kept,
}

impl Way {
    /// What can be run now of a part along the axis, of which at least `least` elements are needed at first.
    fn take(&mut self, part: Array, axis: i32, least: i32) -> Result<Option<Array>> {
        if self.begun {
            return Ok(Some(part));
        }
        let all = match self.first.take() {
            Some(first) => concatenate([&first, &part], axis)?,
            None => part,
        };
        if all.dim(axis)? < least {
            self.first = Some(all);
            return Ok(None);
        }
        self.begun = true;
        Ok(Some(all))
    }
}

impl<'a> EncodecStream<'a> {
    pub(super) fn new(codec: &'a Encodec, books: usize) -> Self {
        Self { codec, books, encoder: Way::default(), decoder: Way::default() }
    }

    fn encoded(&mut self, audio: Option<&Array>, last: bool) -> Result<Option<Codes>> {
        self.encoder.kept.rewind();
        let vectors = self.codec.encoder.step(audio, &mut self.encoder.kept, last)?;
        let Some(vectors) = vectors else { return Ok(None) };
        let codes = self.codec.quantizer.encode(&vectors.squeeze(0)?, self.books)?;
        codes.eval()?;
        Ok(Some(Codes::new(codes)))
    }
}

impl Stream for EncodecStream<'_> {
    fn encode(&mut self, audio: &Array) -> Result<Option<Codes>> {
        let least = self.codec.least.saturating_mul(self.codec.hop);
        let Some(audio) = self.encoder.take(whole(audio, self.codec.channels)?, 1, least)? else {
            return Ok(None);
        };
        self.encoded(Some(&audio), false)
    }

    fn finish(&mut self) -> Result<Option<Codes>> {
        let codes = match self.encoder.first.take() {
            Some(audio) => {
                let options = Options { codebooks: Some(self.books), ..Options::default() };
                Some(self.codec.encode(&audio.squeeze(0)?, options)?.with_samples(None))
            }
            None => self.encoded(None, true)?,
        };
        self.encoder = Way::default();
        Ok(codes)
    }

    fn decode(&mut self, codes: &Codes) -> Result<Option<Array>> {
        let Facts { codebooks, codebook_size, .. } = self.codec.facts();
        let codes = concatenate(&codes.check(1, codebooks, codebook_size)?, 0)?;
        let Some(codes) = self.decoder.take(codes, 1, self.codec.least)? else { return Ok(None) };
        let vectors = self.codec.quantizer.decode(&codes)?.expand_dims(0)?;
        self.decoder.kept.rewind();
        let audio = self.codec.decoder.step(Some(&vectors), &mut self.decoder.kept, false)?;
        let audio = audio.map(|audio| cut(&audio, None)).transpose()?;
        audio.iter().try_for_each(Array::eval)?;
        Ok(audio)
    }

    fn finish_decoding(&mut self) -> Result<Option<Array>> {
        let first = self.decoder.first.take();
        self.decoder = Way::default();
        first.map(|codes| self.codec.decode(&Codes::new(codes))).transpose()
    }
}
