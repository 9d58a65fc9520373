//! Blocks of the tower. Which one it is, how wide it is and how far it sees, names and shapes of its weights tell.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, RmsNorm, Weights, gelu_approx};
use mlx_vision::{Conv, ConvOptions, ConvShape, Pads};

use super::attention::MobileAttention;
use crate::{Error, Result};

/// What is added to a mean square.
pub(super) const EPS: f32 = 1e-6;

/// A block, with what it adds to.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Block {
    #[module(flatten)]
    kind: Kind,
    #[module(skip)]
    adds: bool,
}

#[derive(Module)]
#[module(no_tree)]
enum Kind {
    Edge(Box<Edge>),
    Inverted(Box<Inverted>),
    Attention(Box<MobileAttention>),
}

/// A convolution to more channels, and a product back.
///
/// Gupta and Akin, "Accelerator-aware Neural Network Design using AutoML".
#[derive(Module)]
#[module(no_tree)]
struct Edge {
    conv_exp: Conv,
    bn1: RmsNorm,
    conv_pwl: Linear,
    bn2: RmsNorm,
}

/// Products to more channels and back, with convolutions before and between them that keep channels apart.
#[derive(Module)]
#[module(no_tree)]
struct Inverted {
    dw_start: Option<Normed>,
    #[module(name = "pw_exp.conv")]
    up: Linear,
    #[module(name = "pw_exp.bn")]
    up_norm: RmsNorm,
    dw_mid: Option<Normed>,
    #[module(name = "pw_proj.conv")]
    down: Linear,
    #[module(name = "pw_proj.bn")]
    down_norm: RmsNorm,
    #[module(name = "layer_scale.gamma")]
    scale: Option<Array>,
}

/// A convolution whose channels are normalised at each place.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Normed {
    conv: Conv,
    bn: RmsNorm,
}

/// Where a block stands.
#[derive(Clone, Copy)]
pub(super) struct Site {
    /// The channels that come in.
    pub(super) width: i32,
    /// Rows and columns from one output to the next.
    pub(super) stride: i32,
}

impl Block {
    /// The block at the path of `w`, and its width; none if the checkpoint has none there.
    pub(super) fn load(w: &Weights, site: Site) -> Result<Option<(Self, i32)>> {
        let (kind, width) = if w.contains("conv_exp.weight") {
            let width = point_width(w, "conv_pwl");
            (Kind::Edge(Box::new(Edge::load(w, site, width)?)), width)
        } else if w.contains("pw_exp.conv.weight") {
            let width = point_width(w, "pw_proj.conv");
            (Kind::Inverted(Box::new(Inverted::load(w, site, width)?)), width)
        } else if w.contains("attn.query.proj.weight") {
            if site.stride > 1 {
                return Err(Error::config("vision_tower: a stage begins with a block that does not halve"));
            }
            (Kind::Attention(Box::new(MobileAttention::load(w, site.width)?)), site.width)
        } else {
            return Ok(None);
        };
        Ok(Some((Self { kind, adds: site.stride == 1 && site.width == width }, width)))
    }

    /// `[1, rows, columns, input] -> [1, rows, columns, width]`, where rows and columns may be half as many.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let made = match &self.kind {
            Kind::Edge(edge) => edge.forward(x)?,
            Kind::Inverted(inverted) => inverted.forward(x)?,
            Kind::Attention(attention) => attention.forward(x)?,
        };
        if self.adds { x + made } else { Ok(made) }
    }
}

impl Edge {
    fn load(w: &Weights, Site { width, stride }: Site, output: i32) -> Result<Self> {
        let (inner, kernel) = (point_width(w, "conv_exp"), kernel(w, "conv_exp")?);
        let shape = ConvShape { widths: [width, inner], kernel, stride, apart: false };
        Ok(Self {
            conv_exp: Conv::load(&w.at("conv_exp"), shape, least(false, false))?,
            bn1: w.rms_norm("bn1", inner, EPS)?,
            conv_pwl: point(w, "conv_pwl", [inner, output])?,
            bn2: w.rms_norm("bn2", output, EPS)?,
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let inner = gelu_approx(&self.bn1.forward(&self.conv_exp.forward(x)?)?)?;
        self.bn2.forward(&self.conv_pwl.forward(&inner)?)
    }
}

impl Inverted {
    fn load(w: &Weights, Site { width, stride }: Site, output: i32) -> Result<Self> {
        let inner = point_width(w, "pw_exp.conv");
        let [starts, between] = ["dw_start.conv.weight", "dw_mid.conv.weight"].map(|name| w.contains(name));
        if stride > 1 && !starts && !between {
            return Err(Error::config("vision_tower: a stage begins with a block that does not halve"));
        }
        // The last of both takes the steps.
        let start = || Normed::apart(&w.at("dw_start"), width, if between { 1 } else { stride });
        let mid = || Normed::apart(&w.at("dw_mid"), inner, stride);
        let scale = || w.array("layer_scale.gamma", [output]);
        Ok(Self {
            dw_start: starts.then(start).transpose()?,
            up: point(w, "pw_exp.conv", [width, inner])?,
            up_norm: w.rms_norm("pw_exp.bn", inner, EPS)?,
            dw_mid: between.then(mid).transpose()?,
            down: point(w, "pw_proj.conv", [inner, output])?,
            down_norm: w.rms_norm("pw_proj.bn", output, EPS)?,
            scale: w.contains("layer_scale.gamma").then(scale).transpose()?,
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let started = self.dw_start.as_ref().map(|start| start.forward(x)).transpose()?;
        let up = self.up.forward(started.as_ref().unwrap_or(x))?;
        let mut inner = gelu_approx(&self.up_norm.forward(&up)?)?;
        if let Some(mid) = &self.dw_mid {
            inner = gelu_approx(&mid.forward(&inner)?)?;
        }
        let made = self.down_norm.forward(&self.down.forward(&inner)?)?;
        match &self.scale {
            Some(scale) => made * scale,
            None => Ok(made),
        }
    }
}

impl Normed {
    /// The first of a tower, from pixels. `last` as [`ConvOptions::last`].
    pub(super) fn stem(w: &Weights, width: i32, last: bool) -> Result<Self> {
        let shape = ConvShape { widths: [3, width], kernel: 3, stride: 2, apart: false };
        let bias = w.contains("conv.bias");
        Ok(Self {
            conv: Conv::load(&w.at("conv"), shape, least(bias, last))?,
            bn: w.rms_norm("bn", width, EPS)?,
        })
    }

    fn apart(w: &Weights, width: i32, stride: i32) -> Result<Self> {
        let shape = ConvShape { stride, ..ConvShape::apart(width, kernel(w, "conv")?) };
        Ok(Self {
            conv: Conv::load(&w.at("conv"), shape, least(false, false))?,
            bn: w.rms_norm("bn", width, EPS)?,
        })
    }

    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        self.bn.forward(&self.conv.forward(x)?)
    }
}

/// What all convolutions of the tower have.
pub(super) fn least(bias: bool, last: bool) -> ConvOptions {
    ConvOptions { bias, pads: Pads::Least, last }
}

/// How many channels the convolution `name` makes.
pub(super) fn point_width(w: &Weights, name: &str) -> i32 {
    // What cannot be is found where the weights are taken.
    w.at(name).shape("weight").and_then(|shape| shape.first()).map_or(1, |&width| width.max(1))
}

/// How many rows and columns the convolution `name` sees.
pub(super) fn kernel(w: &Weights, name: &str) -> Result<i32> {
    let found = match w.at(name).shape("weight") {
        Some(&[_, rows, columns, _]) if rows == columns => rows,
        Some(&[.., columns]) => columns,
        _ => 1,
    };
    if (1..=31).contains(&found) && found % 2 == 1 {
        return Ok(found);
    }
    Err(Error::config(format!("vision_tower: a kernel of {found}: it must be odd and at most 31")))
}

/// The convolution `name` at each place by itself, and so a product.
pub(super) fn point(w: &Weights, name: &str, [input, output]: [i32; 2]) -> Result<Linear> {
    let w = w.at(name);
    let last = w.shape("weight").is_some_and(|shape| !shape.ends_with(&[1, 1]));
    let shape = if last { [output, 1, 1, input] } else { [output, input, 1, 1] };
    Ok(Linear::new(w.array("weight", shape)?.reshape([output, input])?, None))
}
