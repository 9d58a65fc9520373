//! Finding the sound in a file.

use std::fs::{self, File};
use std::io::{self, Cursor, ErrorKind};
use std::path::Path;
use std::sync::LazyLock;

use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error as Problem;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::edits::{Edit, edits};
use super::opus::Opus;
use super::{failed, guarded, in_memory, sound};
use crate::{Error, Result};

/// The formats that are read, as errors name them.
const FORMATS: &str = "WAV, AIFF, CAF, FLAC, MP3, Ogg, AAC, MP4 and Matroska";

static DECODERS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut registry = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut registry);
    registry.register_audio_decoder::<Opus>();
    registry
});

/// A file's container and the decoder of its sound.
pub(super) struct Source {
    pub(super) format: Box<dyn FormatReader>,
    pub(super) decoder: Box<dyn AudioDecoder>,
    /// The track that holds the sound.
    pub(super) track: u32,
    /// How many frames the file says that it has.
    pub(super) frames: Option<u64>,
    /// Which part of the track is heard.
    pub(super) edit: Option<Edit>,
    /// The length of the file in bytes.
    pub(super) length: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let about = fs::metadata(path).map_err(|error| failed(path, error))?;
        if about.is_dir() {
            return Err(failed(path, io::Error::from(ErrorKind::IsADirectory)));
        }
        // A pipe could make this wait for ever.
        if !about.is_file() {
            return Err(sound(path, "is no regular file"));
        }
        let file = File::open(path).map_err(|error| failed(path, error))?;
        guarded(path, || Self::new(path, file, about.len()))
    }

    pub(super) fn of_bytes(bytes: Vec<u8>) -> Result<Self> {
        let length = bytes.len() as u64;
        guarded(&in_memory(), || Self::new(&in_memory(), Cursor::new(bytes), length))
    }

    fn new(path: &Path, mut source: impl MediaSource + 'static, length: u64) -> Result<Self> {
        if length == 0 {
            return Err(sound(path, "is empty"));
        }
        let edits = edits(&mut source, length);
        let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
        let probe = symphonia::default::get_probe();
        let format = probe
            .probe(&Default::default(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|problem| unreadable(path, problem))?;
        let Some(track) = format.default_track(TrackType::Audio) else {
            return Err(sound(path, format!("is {} without sound", format.format_info().long_name)));
        };
        let Some(codec) = track.codec_params.as_ref().and_then(|codec| codec.audio()) else {
            return Err(sound(path, "does not say how its sound is encoded"));
        };
        let (track, frames) = (track.id, track.num_frames);
        let decoder = decoder(path, codec)?;
        let edit = edits.into_iter().find(|edit| edit.track == track);
        Ok(Self { format, decoder, track, frames, edit, length })
    }
}

/// Decoders make room for what a file says that it holds.
const MOST_CHANNELS: usize = 255;
/// No packet of a format that is read has more.
const MOST_FRAMES: u64 = 1 << 18;

fn decoder(path: &Path, codec: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>> {
    let channels = codec.channels.as_ref().map_or(0, |channels| channels.count());
    if channels > MOST_CHANNELS {
        return Err(sound(path, format!("says that it has {channels} channels, more than {MOST_CHANNELS}")));
    }
    let frames = codec.max_frames_per_packet.max(codec.frames_per_block).unwrap_or(0);
    if frames > MOST_FRAMES {
        return Err(sound(
            path,
            format!("says that {frames} frames are in a packet, more than {MOST_FRAMES}"),
        ));
    }
    let Some(found) = DECODERS.get_audio_decoder(codec.codec) else {
        return Err(sound(path, format!("is encoded by a codec that is not supported ({})", codec.codec)));
    };
    (found.factory)(codec, &AudioDecoderOptions::default()).map_err(|problem| match problem {
        Problem::Unsupported(_) if codec.codec == CODEC_ID_OPUS => {
            sound(path, "is Opus of more than two channels, which is not supported")
        }
        problem => sound(path, format!("cannot be decoded: {problem}")),
    })
}

/// What is wrong with a file whose beginning could not be read.
fn unreadable(path: &Path, problem: Problem) -> Error {
    match problem {
        Problem::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => failed(path, error),
        Problem::IoError(_) => sound(path, "ends before its sound begins"),
        Problem::Unsupported(problem) if problem.starts_with("core (probe)") => {
            sound(path, format!("is no sound of a known format (known: {FORMATS})"))
        }
        problem => sound(path, format!("cannot be read: {problem}")),
    }
}
