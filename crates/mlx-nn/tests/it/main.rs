//! The public surface of mlx-nn.

#[cfg(test)]
mod activation;
#[cfg(test)]
mod average;
#[cfg(test)]
mod conv;
#[cfg(test)]
mod derive;
#[cfg(test)]
mod digits;
#[cfg(test)]
mod distributed;
#[cfg(test)]
mod dropout;
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
mod layer_case;
#[cfg(test)]
mod lora;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod module;
#[cfg(test)]
mod norm;
#[cfg(test)]
mod optim;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod positional;
#[cfg(test)]
mod quantize;
#[cfg(test)]
mod quantized;
#[cfg(test)]
mod recurrent;
#[cfg(test)]
mod ring;
#[cfg(test)]
mod rope;
#[cfg(test)]
mod switch;
#[cfg(test)]
mod train;
#[cfg(test)]
mod transformer;
#[cfg(test)]
mod upsample;
#[cfg(test)]
mod weights;
