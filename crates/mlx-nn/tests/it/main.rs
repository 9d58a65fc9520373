//! The public surface of mlx-nn.

#[cfg(test)]
mod activation;
#[cfg(test)]
mod average;
#[cfg(test)]
mod derive;
#[cfg(test)]
mod file;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod fresh;
#[cfg(test)]
mod grad;
#[cfg(test)]
mod init;
#[cfg(test)]
mod module;
#[cfg(test)]
mod optim;
#[cfg(test)]
mod quantize;
#[cfg(test)]
mod quantized;
#[cfg(test)]
mod ring;
#[cfg(test)]
mod rope;
#[cfg(test)]
mod train;
#[cfg(test)]
mod weights;
