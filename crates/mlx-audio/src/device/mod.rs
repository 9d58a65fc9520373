//! Sound from a microphone and to a loudspeaker, as it is heard.
//!
//! The thread of the device only moves samples into a ring or out of one: it waits for nobody and allocates nothing.

mod line;
mod microphone;
mod player;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{ErrorKind, SampleFormat, StreamConfig, SupportedStreamConfig};

pub use microphone::{Microphone, microphones};
pub use player::{Player, players};

use crate::{Error, Result};

/// What a device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// A device that was found, and how it is run.
struct Found {
    device: cpal::Device,
    name: String,
    config: StreamConfig,
    format: SampleFormat,
}

impl Found {
    /// The device of this name, or the system's own choice.
    fn find(way: Way, name: Option<&str>) -> Result<Self> {
        let device = match name {
            Some(name) => named(way, name)?,
            None => preferred(way)?,
        };
        let name = title(&device);
        let supported = match way {
            Way::In => device.default_input_config(),
            Way::Out => device.default_output_config(),
        };
        let supported: SupportedStreamConfig = supported.map_err(|error| refused(&name, &error))?;
        Ok(Self { config: supported.config(), format: supported.sample_format(), device, name })
    }

    fn channels(&self) -> usize {
        usize::from(self.config.channels).max(1)
    }

    fn refused(&self, error: &cpal::Error) -> Error {
        refused(&self.name, error)
    }

    /// The samples come in a form that is not numbers.
    fn unknown_format(&self) -> Error {
        let problem = format!("its samples are {}, which cannot be read", self.format);
        Error::Device { name: self.name.clone(), problem }
    }
}

fn preferred(way: Way) -> Result<cpal::Device> {
    let host = cpal::default_host();
    let (device, kind) = match way {
        Way::In => (host.default_input_device(), "microphone"),
        Way::Out => (host.default_output_device(), "loudspeaker"),
    };
    device.ok_or_else(|| Error::Device { name: kind.to_owned(), problem: "the system has none".to_owned() })
}

fn named(way: Way, name: &str) -> Result<cpal::Device> {
    let devices = devices(way)?;
    let known: Vec<_> = devices.iter().map(title).collect();
    let exact = known.iter().position(|known| known == name);
    let lower = name.to_lowercase();
    let alike = || known.iter().position(|known| known.to_lowercase().contains(&lower));
    let found = exact.or_else(alike).and_then(|at| devices.into_iter().nth(at));
    found.ok_or_else(|| {
        let problem = if known.is_empty() {
            "there is none of this kind".to_owned()
        } else {
            format!("there is none of this name (there are: {})", known.join(", "))
        };
        Error::Device { name: name.to_owned(), problem }
    })
}

fn devices(way: Way) -> Result<Vec<cpal::Device>> {
    let host = cpal::default_host();
    let found = match way {
        Way::In => host.input_devices().map(Iterator::collect),
        Way::Out => host.output_devices().map(Iterator::collect),
    };
    found.map_err(|error| refused("all", &error))
}

fn title(device: &cpal::Device) -> String {
    let described = device.description().map(|description| description.name().to_owned());
    described.or_else(|_| device.id().map(|id| id.to_string())).unwrap_or_else(|_| "unnamed".to_owned())
}

fn refused(name: &str, error: &cpal::Error) -> Error {
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => ": allow this program to use it in the system's settings",
        ErrorKind::DeviceBusy => ": another program uses it",
        ErrorKind::DeviceNotAvailable => ": is it plugged in?",
        _ => "",
    };
    Error::Device { name: name.to_owned(), problem: format!("{error}{advice}") }
}

/// Whether a stream goes on behind what its device said.
fn is_passing(error: &cpal::Error) -> bool {
    matches!(error.kind(), ErrorKind::Xrun | ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied)
}
