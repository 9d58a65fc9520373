//! The tower with the layers that lead from it to the decoder.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Module, Weights};
use mlx_vision::{PatchPlaces, Vit};

use super::config::Looks;
use crate::family::tiled::{Projector, grid};
use crate::{Error, Result};

/// Tiles in, vectors as wide as the decoder out.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Sight {
    vision_tower: Vit,
    multi_modal_projector: Projector,
    #[module(skip)]
    states: Vec<usize>,
    drops_first: bool,
    /// The edge of a patch.
    pub(super) patch: i32,
    /// How many patches are in a column and in a row of a tile.
    pub(super) side: i32,
    /// How many places the tower has before patches.
    before: i32,
}

impl Sight {
    pub(super) fn load(w: &Weights, looks: &Looks) -> Result<Self> {
        let Looks { vit, states, drops_first, connector } = looks;
        Ok(Self {
            vision_tower: Vit::load(&w.at("vision_tower"), vit)?,
            multi_modal_projector: Projector::load(&w.at("multi_modal_projector"), *connector)?,
            states: states.clone(),
            drops_first: *drops_first,
            patch: vit.patch,
            side: vit.side,
            before: i32::from(vit.clip),
        })
    }

    /// How many vectors a tile becomes.
    pub(super) fn count(&self) -> usize {
        let places = self.side * self.side + self.before - i32::from(self.drops_first);
        places.unsigned_abs() as usize
    }

    /// How many are in a column and in a row of a tile, of which all are one of a patch.
    ///
    /// # Errors
    /// There is another.
    pub(super) fn side(&self) -> Result<usize> {
        let side = self.side.unsigned_abs() as usize;
        if self.count() == side * side {
            return Ok(side);
        }
        let problem =
            "vision_feature_select_strategy leaves other vectors than those of the patches of a tile";
        Err(Error::config(problem))
    }

    /// Checks that patches are as many as the tower has places for.
    pub(super) fn check(&self, patches: &Array) -> Result<()> {
        let [rows, columns] = grid(patches)?;
        if [rows, columns] == [self.side; 2] {
            return Ok(());
        }
        let side = self.side;
        let problem =
            format!("images become {rows} x {columns} patches, but the tower takes {side} x {side}");
        Err(Error::Config { file: "preprocessor_config.json".into(), problem })
    }

    /// `[tiles, rows, columns, numbers] -> [tiles · count, hidden]`.
    pub(super) fn forward(&self, patches: &Array) -> MlxResult<Array> {
        let states = self.vision_tower.states(&patches.flatten(1, 2)?, PatchPlaces::Square, &self.states)?;
        let mut x = concatenate(&states, -1)?;
        if self.drops_first {
            x = x.index((.., 1..))?;
        }
        self.multi_modal_projector.forward(&x.flatten(0, 1)?)
    }
}
