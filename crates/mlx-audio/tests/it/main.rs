//! The public surface of mlx-audio.

#[cfg(test)]
mod clips;
#[cfg(test)]
mod codecs;
#[cfg(test)]
mod damaged;
#[cfg(test)]
mod features;
#[cfg(test)]
mod files;
#[cfg(test)]
mod loudness;
#[cfg(test)]
mod moonshine;
#[cfg(test)]
mod qwen3_asr;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod resample;
#[cfg(test)]
mod sounds;
#[cfg(test)]
mod speaker;
#[cfg(test)]
mod spectra;
#[cfg(test)]
mod spoken;
#[cfg(test)]
mod vad;
#[cfg(test)]
mod whisper;
#[cfg(test)]
mod whisper_mel;
#[cfg(test)]
mod writing;
