//! The options that say what a model computes with.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use mlx_core::{Dtype, Precision};
use mlx_lm::Loader;
use mlx_vlm::VisionLanguageModel;

use crate::args::ModelArgs;
use crate::download;
use crate::failure::Outcome;

/// What a model computes with.
#[derive(Debug, Args)]
pub(crate) struct Arithmetic {
    /// Compute in this type instead of the checkpoint's
    #[arg(long, value_name = "DTYPE")]
    dtype: Option<Dtype>,
    /// On a CPU, multiply quantized weights exactly or with activations rounded to int8, which is faster
    #[arg(long, default_value = "exact", value_parser = precisions())]
    precision: Precision,
}

fn precisions() -> impl TypedValueParser<Value = Precision> {
    let names = PossibleValuesParser::new(["exact", "int8"]);
    names.map(|name| if name == "int8" { Precision::Int8 } else { Precision::Exact })
}

impl Arithmetic {
    /// The type to compute in, if it is not the checkpoint's.
    pub(crate) fn dtype(&self) -> Option<Dtype> {
        self.dtype
    }

    /// Loads a model that sees, and computes so.
    pub(crate) fn seeing(&self, model: &ModelArgs) -> Outcome<VisionLanguageModel> {
        let source = download::source(model)?;
        model.load(|| VisionLanguageModel::load(source, self.dtype, self.precision))
    }

    /// Loads a model that computes so.
    pub(crate) fn loader(&self, model: &ModelArgs) -> mlx_hub::Result<Loader> {
        Ok(Loader::new(download::source(model)?).dtype(self.dtype).precision(self.precision))
    }
}
