//! Images against Pillow and the processors of transformers.

#[cfg(test)]
mod damaged;
#[cfg(test)]
mod decode;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod picture;
#[cfg(test)]
mod processors;
#[cfg(test)]
mod resize;
#[cfg(test)]
mod tiles;
#[cfg(test)]
mod tubelets;
