//! Signal processing on slices: what stands between sound and a model.
//!
//! [`WhisperMel`] is Whisper's front end, [`Fbank`] Kaldi's, [`Mfcc`] librosa's; [`Stft`], [`MelBank`] and [`Window`] are
//! what they are made of. Nothing here knows MLX. Matrices are row-major, one row a frame.

mod fbank;
mod framing;
mod log_mel;
pub(crate) mod logarithm;
mod loudness;
mod mel;
mod mfcc;
mod preemphasis;
mod stft;
mod true_peak;
mod window;

pub use realfft::num_complex::Complex32;

pub use fbank::{Fbank, FbankOptions};
pub use framing::Framing;
pub use log_mel::{WhisperMel, WhisperMelStream};
pub use loudness::{Loudness, Meter};
pub use mel::{MelBank, MelOptions, MelScale};
pub use mfcc::{Mfcc, MfccOptions};
pub use preemphasis::preemphasize;
pub(crate) use stft::reflected;
pub use stft::{Padding, Stft};
pub use window::Window;
