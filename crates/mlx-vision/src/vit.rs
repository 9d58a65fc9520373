//! The towers of CLIP and SigLIP, without what makes one vector of an image.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{LayerNorm, Module, Result, Weights};

use crate::{Between, Encoder, EncoderSizes, PatchEmbedding, PatchSizes};

/// Patches of images in, vectors of each out.
#[derive(Module)]
#[module(no_tree)]
pub struct Vit {
    patch_embedding: PatchEmbedding,
    position_embedding: Array,
    class: Option<Class>,
    encoder: Encoder,
    post_layernorm: Option<LayerNorm>,
    side: i32,
}

/// A place before the patches of an image, and the norm before the layers that towers with it have.
#[derive(Module)]
#[module(no_tree)]
struct Class {
    class_embedding: Array,
    pre_layrnorm: LayerNorm,
}

/// What a tower is like.
#[derive(Clone, Copy, Debug)]
pub struct VitSizes {
    /// Its layers.
    pub encoder: EncoderSizes,
    /// The edge of a patch in pixels.
    pub patch: i32,
    /// The numbers of a pixel.
    pub channels: i32,
    /// How many patches there are in a column and in a row of the square that positions are learned for.
    pub side: i32,
    /// Whether it is one of CLIP: a class before the patches, a norm before the layers, and patches without a bias.
    pub clip: bool,
}

/// Which of the learned positions the patches of an image have.
#[derive(Clone, Copy, Debug)]
pub enum PatchPlaces<'p> {
    /// All, one each.
    Square,
    /// All, interpolated to so many in a column and in a row.
    Resized([i32; 2]),
    /// Those of these numbers, by rows of the square; for each patch of an image one.
    Taken(&'p [i32]),
}

impl Vit {
    /// The tower in the scope `w`, or in `vision_model` of it, as many checkpoints have it.
    ///
    /// A head that makes one vector of an image is left out, and a norm behind the layers if the checkpoint has none.
    pub fn load(w: &Weights, sizes: &VitSizes) -> Result<Self> {
        for scope in ["head", "vision_model.head"] {
            w.at(scope).ignore(|_| true);
        }
        Self::load_before_head(w, sizes)
    }

    /// As [`load`](Self::load), where something else takes the head.
    pub fn load_before_head(w: &Weights, sizes: &VitSizes) -> Result<Self> {
        let w = if w.shape("vision_model.embeddings.position_embedding.weight").is_some() {
            w.at("vision_model")
        } else {
            w.clone()
        };
        w.ignore(|key| key.ends_with("embeddings.position_ids"));
        let VitSizes { encoder, patch, channels, side, clip } = *sizes;
        let (embeddings, width) = (w.at("embeddings"), encoder.width);
        let patches = PatchSizes { frames: 1, edge: patch, channels };
        let class = clip.then(|| Class::load(&w, &encoder)).transpose()?;
        let places = [side * side + i32::from(clip), width];
        let normed = w.shape("post_layernorm.weight").is_some();
        Ok(Self {
            patch_embedding: PatchEmbedding::load(&embeddings.at("patch_embedding"), width, patches, !clip)?,
            position_embedding: embeddings.array("position_embedding.weight", places)?,
            class,
            encoder: Encoder::load(&w.at("encoder"), &encoder)?,
            post_layernorm: normed.then(|| encoder.norm(&w, "post_layernorm")).transpose()?,
            side,
        })
    }

    /// How many layers there are.
    pub fn depth(&self) -> usize {
        self.encoder.depth()
    }

    /// Patches `[images, patches, numbers]` of images of one shape to `[images, places, width]` behind the last layer and
    /// its norm. A place is a patch; in CLIP the first is the class.
    pub fn forward(&self, patches: &Array, places: PatchPlaces<'_>) -> MlxResult<Array> {
        let x = self.embed(patches, places)?;
        let [images, length, width] = x.dims()?;
        let x = self.encoder.forward(x.flatten(0, 1)?, &groups(images, length))?;
        self.norm(&x)?.reshape([images, length, width])
    }

    /// As [`forward`](Self::forward), behind as many layers as each of `numbers` says, up to [`depth`](Self::depth), and
    /// without the last norm.
    pub fn states(
        &self,
        patches: &Array,
        places: PatchPlaces<'_>,
        numbers: &[usize],
    ) -> MlxResult<Vec<Array>> {
        let x = self.embed(patches, places)?;
        let shape: [i32; 3] = x.dims()?;
        let [images, length, _] = shape;
        let states = self.encoder.states(x.flatten(0, 1)?, &groups(images, length), numbers)?;
        states.iter().map(|state| state.reshape(shape)).collect()
    }

    /// The norm behind the layers, if there is one.
    pub fn norm(&self, x: &Array) -> MlxResult<Array> {
        match &self.post_layernorm {
            Some(norm) => norm.forward(x),
            None => Ok(x.clone()),
        }
    }

    /// What goes into the first layer, `[images, places, width]`.
    fn embed(&self, patches: &Array, places: PatchPlaces<'_>) -> MlxResult<Array> {
        let x = self.patch_embedding.forward(patches)?;
        let all = &self.position_embedding;
        let (before, square) = match &self.class {
            None => (None, all.clone()),
            Some(_) => (Some(all.index(..1)?), all.index(1..)?),
        };
        let own = match places {
            PatchPlaces::Square => square,
            PatchPlaces::Resized(grid) if grid == [self.side; 2] => square,
            PatchPlaces::Resized(grid) => Between::Smooth.resample(&square, self.side, grid)?,
            PatchPlaces::Taken(numbers) => {
                let count = i32::try_from(numbers.len()).unwrap_or(i32::MAX);
                square.take(&Array::from_slice(numbers, [count])?, 0)?
            }
        };
        let x = (x + own)?;
        let (Some(class), Some(place)) = (&self.class, before) else { return Ok(x) };
        let [images, _, width] = x.dims()?;
        let first = (class.class_embedding.reshape([1, 1, width])? + place)?;
        let x = concatenate([&first.broadcast_to([images, 1, width])?, &x], 1)?;
        class.pre_layrnorm.forward(&x)
    }
}

impl Class {
    fn load(w: &Weights, sizes: &EncoderSizes) -> Result<Self> {
        Ok(Self {
            class_embedding: w.array("embeddings.class_embedding", [sizes.width])?,
            pre_layrnorm: sizes.norm(w, "pre_layrnorm")?,
        })
    }
}

/// The places of each of so many images.
fn groups(images: i32, length: i32) -> Vec<i32> {
    (0..images).map(|_| length).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mlx_core::random::{self, Key};
    use mlx_core::{Dtype, fast};
    use mlx_testkit::{Tolerance, assert_close};

    use super::*;
    use crate::Activation;

    fn sizes(clip: bool) -> VitSizes {
        let activation = Activation::Fast(fast::Activation::Gelu);
        let encoder = EncoderSizes { layers: 2, width: 8, inner: 12, heads: 2, eps: 1e-6, activation };
        VitSizes { encoder, patch: 2, channels: 3, side: 3, clip }
    }

    fn tower(clip: bool) -> Vit {
        let mut shapes = BTreeMap::new();
        let mut vector =
            |name: &str, shape: &[i32]| shapes.insert(format!("vision_model.{name}"), shape.to_vec());
        vector("embeddings.patch_embedding.weight", &[8, 3, 2, 2]);
        vector("embeddings.position_embedding.weight", &[9 + i32::from(clip), 8]);
        vector("head.probe", &[1, 1, 8]);
        if clip {
            vector("embeddings.class_embedding", &[8]);
            vector("pre_layrnorm.weight", &[8]);
            vector("pre_layrnorm.bias", &[8]);
        } else {
            vector("embeddings.patch_embedding.bias", &[8]);
        }
        for layer in ["encoder.layers.0", "encoder.layers.1"] {
            for (name, out, width) in [("mlp.fc1", 12, 8), ("mlp.fc2", 8, 12)] {
                vector(&format!("{layer}.{name}.weight"), &[out, width]);
                vector(&format!("{layer}.{name}.bias"), &[out]);
            }
            for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                vector(&format!("{layer}.self_attn.{name}.weight"), &[8, 8]);
                vector(&format!("{layer}.self_attn.{name}.bias"), &[8]);
            }
            for name in ["layer_norm1", "layer_norm2"] {
                vector(&format!("{layer}.{name}.weight"), &[8]);
                vector(&format!("{layer}.{name}.bias"), &[8]);
            }
        }
        vector("post_layernorm.weight", &[8]);
        vector("post_layernorm.bias", &[8]);
        let arrays = shapes.into_iter().zip(0..).map(|((name, shape), seed)| (name, noise(&shape, seed)));
        let weights = Weights::new(arrays.collect(), None);
        weights.build(|w| Vit::load(w, &sizes(clip))).unwrap()
    }

    fn noise(shape: &[i32], seed: u64) -> Array {
        random::normal(shape, Dtype::Float32, &Key::new(seed).unwrap()).unwrap()
    }

    fn near(found: &Array, expected: &Array) {
        let [found, expected] = [found, expected].map(|array| array.to_vec::<f32>().unwrap());
        assert_close(&found, &expected, Tolerance::F32);
    }

    #[test]
    fn an_image_does_not_see_those_beside_it() {
        for clip in [false, true] {
            let (tower, patches) = (tower(clip), noise(&[2, 9, 12], 100));
            let both = tower.forward(&patches, PatchPlaces::Square).unwrap();
            assert_eq!(both.shape(), [2, 9 + i32::from(clip), 8]);
            let second = tower.forward(&patches.index(1..2).unwrap(), PatchPlaces::Square).unwrap();
            near(&both.index(1..2).unwrap(), &second);
        }
    }

    #[test]
    fn states_are_numbered_from_what_goes_into_the_first_layer() {
        let (tower, patches) = (tower(true), noise(&[1, 9, 12], 100));
        let states = tower.states(&patches, PatchPlaces::Square, &[2, 1, 0]).unwrap();
        let [last, _, first] = states.as_slice() else { panic!("{} states", states.len()) };
        near(&tower.norm(last).unwrap(), &tower.forward(&patches, PatchPlaces::Square).unwrap());
        near(first, &tower.embed(&patches, PatchPlaces::Square).unwrap());
        assert_eq!(tower.states(&patches, PatchPlaces::Square, &[1]).unwrap().len(), 1);
        assert!(tower.states(&patches, PatchPlaces::Square, &[3]).is_err());
    }

    #[test]
    fn places_are_those_of_the_square() {
        let (tower, patches) = (tower(false), noise(&[1, 9, 12], 100));
        let all = tower.forward(&patches, PatchPlaces::Square).unwrap();
        near(&tower.forward(&patches, PatchPlaces::Resized([3, 3])).unwrap(), &all);
        let numbers: Vec<i32> = (0..9).collect();
        near(&tower.forward(&patches, PatchPlaces::Taken(&numbers)).unwrap(), &all);
        let wide = tower.forward(&noise(&[1, 8, 12], 101), PatchPlaces::Resized([2, 4])).unwrap();
        assert_eq!(wide.shape(), [1, 8, 8]);
    }
}
