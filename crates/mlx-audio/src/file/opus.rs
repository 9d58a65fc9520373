//! Opus, behind the interface of symphonia's decoders.

use opus_decoder::{OpusDecoder, OpusError};
use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, GenericAudioBufferRef,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult,
};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::errors::{Error, Result};
use symphonia::core::packet::PacketRef;

/// Frames a second, whatever the sound was before.
const RATE: u32 = 48_000;

/// Decodes Opus of one or two channels.
pub(super) struct Opus {
    params: AudioCodecParameters,
    decoder: OpusDecoder,
    channels: usize,
    /// What a packet becomes, those of both channels side by side.
    samples: Vec<f32>,
    buffer: AudioBuffer<f32>,
    /// How many frames at the beginning are left out.
    skip: usize,
}

const INFO: CodecInfo = CodecInfo { short_name: "opus", long_name: "Opus", profiles: &[] };

impl Opus {
    fn new(params: &AudioCodecParameters) -> Result<Self> {
        let Some(channels) = params.channels.clone().filter(|channels| (1..=2).contains(&channels.count()))
        else {
            return Err(Error::Unsupported("opus: more than two channels"));
        };
        let count = channels.count();
        let decoder = OpusDecoder::new(RATE, count).map_err(damaged)?;
        let most = OpusDecoder::MAX_FRAME_SIZE_48K;
        Ok(Self {
            params: params.clone(),
            decoder,
            channels: count,
            samples: vec![0.0; most * count],
            buffer: AudioBuffer::new(AudioSpec::new(RATE, channels), most),
            skip: params.extra_data.as_deref().map_or(0, skip),
        })
    }
}

/// How many frames a header says are to be left out at the beginning (RFC 7845, 5.1). MP4's header, which is of version 0,
/// has the number in another order, and an edit list besides.
fn skip(header: &[u8]) -> usize {
    let fields = header.strip_prefix(b"OpusHead");
    match fields {
        Some(&[version, _, low, high, ..]) if version > 0 => usize::from(u16::from_le_bytes([low, high])),
        _ => 0,
    }
}

fn damaged(error: OpusError) -> Error {
    Error::DecodeError(match error {
        OpusError::InvalidPacket => "opus: invalid packet",
        OpusError::InternalError => "opus: unexpected state",
        OpusError::BufferTooSmall => "opus: packet of more than 120 ms",
        OpusError::InvalidArgument(_) => "opus: invalid argument",
    })
}

impl AudioDecoder for Opus {
    fn reset(&mut self) {
        self.decoder.reset();
    }

    fn codec_info(&self) -> &CodecInfo {
        &INFO
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.buffer.clear();
        let frames = self.decoder.decode_float(packet.data, &mut self.samples, false).map_err(damaged)?;
        self.buffer.resize_with_silence(frames);
        let samples = self.samples.get(..frames * self.channels).unwrap_or_default();
        self.buffer.copy_from_slice_interleaved(&samples);
        let start = usize::try_from(packet.trim_start.get()).unwrap_or(frames).min(frames);
        let end = usize::try_from(packet.trim_end.get()).unwrap_or(frames).min(frames - start);
        let skipped = self.skip.min(frames - start - end);
        self.skip -= skipped;
        self.buffer.trim(start + skipped, end);
        Ok(self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}

impl RegisterableAudioDecoder for Opus {
    fn try_registry_new(
        params: &AudioCodecParameters,
        _: &AudioDecoderOptions,
    ) -> Result<Box<dyn AudioDecoder>> {
        Ok(Box::new(Self::new(params)?))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        &[SupportedAudioCodec { id: CODEC_ID_OPUS, info: INFO }]
    }
}
