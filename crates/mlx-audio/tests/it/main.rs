//! The public surface of mlx-audio.

#[cfg(test)]
mod clips;
#[cfg(test)]
mod codec_names;
#[cfg(test)]
mod codec_parts;
#[cfg(test)]
mod codecs;
#[cfg(test)]
mod ctc;
#[cfg(test)]
mod damaged;
#[cfg(test)]
mod features;
#[cfg(test)]
mod files;
#[cfg(test)]
mod flac;
#[cfg(test)]
mod kokoro;
#[cfg(test)]
mod loudness;
#[cfg(test)]
mod moonshine;
#[cfg(test)]
mod parakeet;
#[cfg(feature = "english")]
#[cfg(test)]
mod phonemes;
#[cfg(test)]
mod qwen3_asr;
#[cfg(test)]
mod recognizer;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod resample;
#[cfg(test)]
mod score;
#[cfg(test)]
mod sensevoice;
#[cfg(test)]
mod sounds;
#[cfg(test)]
mod speaker;
#[cfg(feature = "english")]
#[cfg(test)]
mod speaking;
#[cfg(test)]
mod spectra;
#[cfg(test)]
mod spoken;
#[cfg(test)]
mod vad;
#[cfg(test)]
mod vocos;
#[cfg(test)]
mod whisper;
#[cfg(test)]
mod whisper_mel;
#[cfg(test)]
mod writing;
