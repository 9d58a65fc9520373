//! What checkpoints call the parts: those of transformers, and those of the model's authors, which MLX keeps.

use mlx_nn::Weights;

use super::config::{Config, Stage};
use crate::{Error, Result};

/// The names of one of them.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) stem: &'static str,
    /// The first convolution between stages.
    pub(super) halving: &'static str,
    pub(super) last: &'static str,
    pub(super) squeeze: [&'static str; 2],
    pub(super) mlp: &'static str,
    /// What is behind the name of a scale.
    pub(super) scale: &'static str,
    pub(super) projector: &'static str,
    pub(super) projector_layers: [&'static str; 2],
}

/// A stage with where its parts are.
pub(super) struct Place {
    pub(super) sizes: Stage,
    pub(super) halving: Option<Weights>,
    pub(super) positions: Option<Weights>,
    pub(super) blocks: Weights,
}

const TRANSFORMERS: Names = Names {
    stem: "stem",
    halving: "reparam_conv",
    last: "final_conv",
    squeeze: ["fc1", "fc2"],
    mlp: "mlp",
    scale: ".gamma",
    projector: "multi_modal_projector",
    projector_layers: ["linear_1", "linear_2"],
};

const AUTHORS: Names = Names {
    stem: "patch_embed",
    halving: "lkb_reparam",
    last: "conv_exp",
    squeeze: ["reduce", "expand"],
    mlp: "convffn",
    scale: "",
    projector: "mm_projector",
    projector_layers: ["0", "2"],
};

/// The most parts of the authors' network that are looked for.
const MOST: usize = 64;

impl Names {
    /// Those of a checkpoint, where its tower is, and the tower's stages.
    pub(super) fn of(w: &Weights, config: &Config) -> Result<(Self, Weights, Vec<Place>)> {
        if !config.is_of_authors() {
            let tower = w.at("vision_tower.timm_model");
            let places = tower.each("stages", config.stages.len()).zip(&config.stages).enumerate();
            let places = places.map(|(at, (w, sizes))| Place::of_timm(&w, *sizes, at)).collect();
            return Ok((TRANSFORMERS, tower, places));
        }
        let [mut tower, ours] =
            ["vision_tower.vision_tower.model", "vision_tower.vision_model"].map(|at| w.at(at));
        let mut names = AUTHORS;
        if ours.contains("patch_embed.blocks.0.reparam_conv.weight") {
            (tower, names.stem) = (ours, "patch_embed.blocks");
        }
        // A head for classes of images, which is not used.
        tower.at("head").ignore(|_| true);
        let places = Place::of_network(&tower)?;
        Ok((names, tower, places))
    }
}

impl Place {
    fn of_timm(w: &Weights, sizes: Stage, at: usize) -> Self {
        Self {
            sizes,
            halving: (at > 0).then(|| w.at("downsample.proj")),
            positions: sizes.attends.then(|| w.at("pos_emb")),
            blocks: w.at("blocks"),
        }
    }

    /// All of a tower whose stages, and what is between them, are in one row. Weights tell how wide they are.
    fn of_network(tower: &Weights) -> Result<Vec<Self>> {
        let (mut places, mut halving, mut positions) = (Vec::new(), None, None);
        for w in tower.each("network", MOST) {
            if w.contains("proj.0.lkb_reparam.weight") {
                halving = Some(w.at("proj"));
            } else if w.contains("reparam_conv.weight") {
                positions = Some(w);
            } else if let Some(&[inner, ref rest @ ..]) = w.shape("0.convffn.fc1.weight") {
                let blocks = (0..=1024).take_while(|at| w.at(at).contains("convffn.fc1.weight")).count();
                let width = rest.iter().fold(1_i32, |width, &size| width.saturating_mul(size));
                let attends = w.contains("0.token_mixer.qkv.weight");
                let sizes = Stage { blocks, width, inner, attends }.checked()?;
                let (halving, positions) = (halving.take(), positions.take());
                places.push(Self { sizes, halving, positions, blocks: w });
            } else {
                break;
            }
        }
        match places.first() {
            Some(first) if first.halving.is_none() => Ok(places),
            _ => Err(Error::config("vision_tower: there is no `network` of stages in it")),
        }
    }
}
