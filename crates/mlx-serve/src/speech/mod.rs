//! Models that hear, and models that speak.

mod hearing;
mod speaking;

pub(crate) use self::hearing::{HearJob, HearWorker, Heard};
pub(crate) use self::speaking::{SpeakJob, SpeakWorker};
