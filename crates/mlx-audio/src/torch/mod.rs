//! Tensors in files of `torch.save`.

mod archive;
mod legacy;
mod pickle;

pub(crate) use archive::read as archive;
pub(crate) use legacy::read as legacy;
