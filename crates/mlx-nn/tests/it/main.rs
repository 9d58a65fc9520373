//! The public surface of mlx-nn.

#[cfg(test)]
mod activation;
#[cfg(test)]
mod conv;
#[cfg(test)]
mod derive;
#[cfg(test)]
mod distributed;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod fresh;
#[cfg(test)]
mod layer_case;
#[cfg(test)]
mod module;
#[cfg(test)]
mod quantized;
#[cfg(test)]
mod recurrent;
#[cfg(test)]
mod rope;
#[cfg(test)]
mod transformer;
#[cfg(test)]
mod upsample;
#[cfg(test)]
mod weights;
