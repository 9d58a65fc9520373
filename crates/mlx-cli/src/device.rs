//! The microphone and the loudspeaker, in programs that were built with them.

#[cfg(not(feature = "audio-io"))]
pub(crate) use absent::{Microphone, Player};
#[cfg(feature = "audio-io")]
pub(crate) use mlx_audio::{Microphone, Player};

/// What stands for them in other programs: nothing that there could be, as it cannot be opened.
#[cfg(not(feature = "audio-io"))]
mod absent {
    use crate::failure::Outcome;

    pub(crate) enum Player {}

    impl Player {
        pub(crate) fn open(_: Option<&str>, _: u32) -> Outcome<Self> {
            Err(missing("--play", "loudspeakers"))
        }

        pub(crate) fn play(&mut self, _: &[f32]) -> Outcome {
            match *self {}
        }

        pub(crate) fn finish(self) -> Outcome {
            match self {}
        }
    }

    pub(crate) enum Microphone {}

    impl Microphone {
        pub(crate) fn open(_: Option<&str>, _: u32) -> Outcome<Self> {
            Err(missing("--microphone", "microphones"))
        }

        pub(crate) fn read(&mut self) -> Outcome<Vec<f32>> {
            match *self {}
        }
    }

    fn missing(option: &str, what: &str) -> Box<dyn std::error::Error> {
        format!("{option}: this `mlx` was built without {what}; build it with `--features audio-io`").into()
    }
}
