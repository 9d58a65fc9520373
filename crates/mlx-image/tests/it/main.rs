//! Images against Pillow and the processors of transformers.

#[cfg(test)]
mod animations;
#[cfg(test)]
mod damaged;
#[cfg(test)]
mod decode;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod picture;
#[cfg(test)]
mod processors;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod resize;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod tiles;
#[cfg(test)]
mod tubelets;
#[cfg(feature = "video")]
#[cfg(test)]
mod video;
