//! What `config.json` says.

use mlx_core::fast::Activation;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result};

/// The fields of `T` in a file of the checkpoint.
pub(crate) fn parse<T: DeserializeOwned>(file: &str, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|error| Error::config(file, error.to_string()))
}

/// The fields of `T` in `config.json`.
pub(super) fn read<T: DeserializeOwned>(config: &Value) -> Result<T> {
    parse("config.json", config)
}

/// Checks that sizes are at least 1 and small enough to be multiplied, and that the heads share the hidden state.
pub(crate) fn check_sizes(hidden: i32, heads: i32, others: &[(&str, i32)]) -> Result<()> {
    const LARGEST: i32 = 1 << 24;
    let sizes = [("hidden_size", hidden), ("num_attention_heads", heads)];
    for (name, size) in sizes.iter().chain(others) {
        if !(1..=LARGEST).contains(size) {
            let problem = format!("{name} is {size}: it must be between 1 and {LARGEST}");
            return Err(Error::config("config.json", problem));
        }
    }
    if hidden % heads != 0 {
        let problem = format!("hidden_size is {hidden}, which {heads} heads do not share alike");
        return Err(Error::config("config.json", problem));
    }
    Ok(())
}

/// The activation that a config calls `name`.
pub(crate) fn activation(field: &str, name: &str) -> Result<Activation> {
    match name {
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(Activation::GeluApprox),
        "silu" | "swish" => Ok(Activation::Silu),
        other => Err(Error::config("config.json", format!("{field} `{other}` is not supported"))),
    }
}
