//! How a tensor's elements are stored, with the numbers that the format gives each way.

/// An element type of a GGUF tensor that can be read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names that model files and their users write")]
pub enum Format {
    /// 32-bit float.
    F32,
    /// IEEE half.
    F16,
    /// The upper half of a 32-bit float.
    BF16,
    /// 4 bits, one scale for 32 weights.
    Q4_0,
    /// 4 bits, scale and minimum for 32 weights.
    Q4_1,
    /// 5 bits, one scale for 32 weights.
    Q5_0,
    /// 5 bits, scale and minimum for 32 weights.
    Q5_1,
    /// 8 bits, one scale for 32 weights.
    Q8_0,
    /// 2 bits, scale and minimum for 16 weights.
    Q2_K,
    /// 3 bits, one scale for 16 weights.
    Q3_K,
    /// 4 bits, scale and minimum for 32 weights.
    Q4_K,
    /// 5 bits, scale and minimum for 32 weights.
    Q5_K,
    /// 6 bits, one scale for 16 weights.
    Q6_K,
}

/// How the elements of a loaded tensor are stored, as [`Data`](super::Data) holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// 32-bit floats.
    F32,
    /// Half floats.
    F16,
    /// Brain floats.
    Bf16,
    /// Packed, as [`Affine`](super::Affine).
    Affine {
        /// Bits of one weight.
        bits: u8,
        /// Weights that share a scale and a bias.
        group_size: usize,
    },
}

impl Format {
    pub(super) fn from_code(code: u32) -> Result<Self, String> {
        Ok(match code {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2_K,
            11 => Self::Q3_K,
            12 => Self::Q4_K,
            13 => Self::Q5_K,
            14 => Self::Q6_K,
            30 => Self::BF16,
            other => return Err(format!("type {other}{} is not supported", unsupported_name(other))),
        })
    }

    /// How tensors of this format are stored once they are loaded.
    pub fn layout(self) -> Layout {
        match self {
            Self::F32 | Self::Q2_K | Self::Q3_K | Self::Q6_K => Layout::F32,
            Self::F16 => Layout::F16,
            Self::BF16 => Layout::Bf16,
            Self::Q4_0 | Self::Q4_1 | Self::Q4_K => Layout::Affine { bits: 4, group_size: 32 },
            Self::Q5_0 | Self::Q5_1 | Self::Q5_K => Layout::Affine { bits: 5, group_size: 32 },
            Self::Q8_0 => Layout::Affine { bits: 8, group_size: 32 },
        }
    }

    /// Weights in one block, and the block's size in bytes.
    pub(super) fn block(self) -> (u64, u64) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::BF16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q2_K => (256, 84),
            Self::Q3_K => (256, 110),
            Self::Q4_K => (256, 144),
            Self::Q5_K => (256, 176),
            Self::Q6_K => (256, 210),
        }
    }
}

/// Names the types that exist but cannot be read here.
fn unsupported_name(code: u32) -> &'static str {
    match code {
        9 => " (Q8_1)",
        15 => " (Q8_K)",
        16..=23 | 29 => " (one of the IQ types)",
        24 => " (I8)",
        25 => " (I16)",
        26 => " (I32)",
        27 => " (I64)",
        28 => " (F64)",
        34 => " (TQ1_0)",
        35 => " (TQ2_0)",
        39 => " (MXFP4)",
        _ => "",
    }
}
