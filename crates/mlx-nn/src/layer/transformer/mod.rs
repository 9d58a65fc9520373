//! Transformers of an encoder, a decoder, or both.
//!
//! Sequences are `[batch, length, dims]`. A key makes the dropout of training; without one nothing is left out.

mod decoder;
mod encoder;
mod part;

pub use decoder::{TransformerDecoder, TransformerDecoderLayer};
pub use encoder::{TransformerEncoder, TransformerEncoderLayer};

use mlx_core::fast::Mask;
use mlx_core::random::Key;
use mlx_core::{Array, Result};

use crate::{Module, Nonlinearity, Weights, relu};

/// An encoder of a source, and a decoder of a target that looks at what the encoder made of it.
///
/// Vaswani et al., "Attention Is All You Need". For an encoder or decoder of another kind, put that and one of these
/// into a struct.
///
/// ```
/// use mlx_core::fast::Mask;
/// use mlx_core::{Array, Dtype, random::Key};
/// use mlx_nn::{Transformer, TransformerMasks, TransformerOptions, Weights};
///
/// let options = TransformerOptions { dropout: 0.1, ..TransformerOptions::default() };
/// let mut key = Key::new(0)?;
/// let model = Weights::init(key.next()?).build(|w| Transformer::load(w, 16, 4, [2, 2], options))?;
/// let (source, target) = (Array::ones([1, 7, 16], Dtype::Float32)?, Array::ones([1, 5, 16], Dtype::Float32)?);
/// let masks = TransformerMasks { target: Mask::Causal, ..Default::default() };
/// assert_eq!(model.forward(&source, &target, masks, Some(&mut key))?.shape(), [1, 5, 16]);
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Transformer {
    /// What reads the source.
    pub encoder: TransformerEncoder,
    /// What reads the target and the encoder's result.
    pub decoder: TransformerDecoder,
}

/// Where transformers differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransformerOptions {
    /// Features between the two linear layers; four times those of the model otherwise.
    pub mlp_dims: Option<i32>,
    /// The probability with which training leaves out elements.
    pub dropout: f32,
    /// The function between the two linear layers.
    pub activation: Nonlinearity,
    /// Whether a part's input is normalised, instead of the sum of input and output.
    pub norm_first: bool,
    /// Whether a gradient computes the inner values of each layer again instead of keeping them.
    pub checkpoint: bool,
}

impl Default for TransformerOptions {
    fn default() -> Self {
        Self {
            mlp_dims: None,
            dropout: 0.0,
            activation: Nonlinearity(relu),
            norm_first: true,
            checkpoint: false,
        }
    }
}

/// Which elements of a sequence a [`Transformer`] may look at.
#[derive(Clone, Copy, Debug, Default)]
pub struct TransformerMasks<'a> {
    /// Those of the source, for the encoder.
    pub source: Mask<'a>,
    /// Those of the target, for the decoder.
    pub target: Mask<'a>,
    /// Those of the encoder's result, for the decoder.
    pub memory: Mask<'a>,
}

impl Transformer {
    /// The model at the path of `w`, with so many layers in the encoder and the decoder.
    ///
    /// # Errors
    /// The heads do not divide `dims`, or the dropout is no probability.
    pub fn load(
        w: &Weights,
        dims: i32,
        num_heads: i32,
        [encoder, decoder]: [usize; 2],
        options: TransformerOptions,
    ) -> crate::Result<Self> {
        Ok(Self {
            encoder: TransformerEncoder::load(&w.at("encoder"), encoder, dims, num_heads, options)?,
            decoder: TransformerDecoder::load(&w.at("decoder"), decoder, dims, num_heads, options)?,
        })
    }

    /// A source and a target give an array of the target's shape.
    #[track_caller]
    pub fn forward(
        &self,
        source: &Array,
        target: &Array,
        masks: TransformerMasks<'_>,
        mut key: Option<&mut Key>,
    ) -> Result<Array> {
        let memory = self.encoder.forward(source, masks.source, key.as_deref_mut())?;
        self.decoder.forward(target, &memory, [masks.target, masks.memory], key)
    }
}
