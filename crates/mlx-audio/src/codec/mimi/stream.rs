//! Audio and codes that come in parts.

use mlx_core::Array;

use super::Mimi;
use super::transformer::Past;
use crate::Result;
use crate::codec::part::seanet::Kept;
use crate::codec::{Codes, Stream, cut, whole};

/// What is kept of the parts so far, in both directions.
pub(super) struct MimiStream<'a> {
    mimi: &'a Mimi,
    books: usize,
    encoder: Kept,
    encoder_past: Past,
    down: Option<Array>,
    up: Option<Array>,
    decoder_past: Past,
    decoder: Kept,
}

impl<'a> MimiStream<'a> {
    pub(super) fn new(mimi: &'a Mimi, books: usize) -> Self {
        Self {
            mimi,
            books,
            encoder: Kept::default(),
            encoder_past: Past::default(),
            down: None,
            up: None,
            decoder_past: Past::default(),
            decoder: Kept::default(),
        }
    }

    fn encoded(&mut self, audio: Option<&Array>, last: bool) -> Result<Option<Codes>> {
        self.encoder.rewind();
        let x = self.mimi.encoder.step(audio, &mut self.encoder, last)?;
        let transformer = &self.mimi.encoder_transformer;
        let x = x.map(|x| transformer.forward(&x, &mut self.encoder_past)).transpose()?;
        let Some(vectors) = self.mimi.down.step(x.as_ref(), &mut self.down, last)? else { return Ok(None) };
        let codes = self.mimi.quantize(&vectors, self.books)?;
        codes.eval()?;
        Ok(Some(Codes::new(codes)))
    }
}

impl Stream for MimiStream<'_> {
    fn encode(&mut self, audio: &Array) -> Result<Option<Codes>> {
        self.encoded(Some(&whole(audio, 1)?), false)
    }

    fn finish(&mut self) -> Result<Option<Codes>> {
        let codes = self.encoded(None, true)?;
        (self.encoder, self.encoder_past, self.down) = Default::default();
        Ok(codes)
    }

    fn decode(&mut self, codes: &Codes) -> Result<Option<Array>> {
        let vectors = self.mimi.look_up(codes)?;
        let x = self.mimi.up.step(&vectors, &mut self.up)?;
        let x = self.mimi.decoder_transformer.forward(&x, &mut self.decoder_past)?;
        self.decoder.rewind();
        let audio = self.mimi.decoder.step(Some(&x), &mut self.decoder, false)?;
        let audio = audio.map(|audio| cut(&audio, None)).transpose()?;
        audio.iter().try_for_each(Array::eval)?;
        Ok(audio)
    }

    fn finish_decoding(&mut self) -> Result<Option<Array>> {
        (self.up, self.decoder_past, self.decoder) = Default::default();
        Ok(None)
    }
}
