//! What the processor can do.

use std::fmt;
use std::sync::OnceLock;

/// A set of instructions that kernels are compiled for, from the plainest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the target has; on Arm that is NEON.
    Baseline,
    /// AVX2, FMA and F16C: 8 floats at once.
    Avx2,
    /// AVX-512 F, BW, DQ and VL: 16 floats at once.
    Avx512,
    /// The same with VNNI and BF16: also products of short numbers that are added up.
    Avx512Dots,
}

impl Level {
    const ALL: [Self; 4] = [Self::Baseline, Self::Avx2, Self::Avx512, Self::Avx512Dots];

    /// The widest that this processor has, or what `MLX_CPU_LEVEL` names if it has that.
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            let wanted = std::env::var("MLX_CPU_LEVEL").ok();
            let mut levels = Self::available();
            let named = levels.clone().find(|level| wanted.as_deref() == Some(level.name()));
            named.or_else(|| levels.next_back()).unwrap_or(Self::Baseline)
        })
    }

    /// All that this processor has, in order.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> + Clone {
        Self::ALL.into_iter().filter(|level| level.is_available())
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => crate::simd::Avx2::new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => crate::simd::Avx512::<false>::new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Dots => crate::simd::Avx512::<true>::new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Its name: `baseline`, `avx2`, `avx512` or `avx512-dots`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Dots => "avx512-dots",
        }
    }
}

/// The instructions that kernels look for, and whether this processor has them. None outside x86-64, where what kernels
/// use is in every processor of the target.
#[cfg(target_arch = "x86_64")]
pub fn features() -> Vec<(&'static str, bool)> {
    macro_rules! seen {
        ($($name:tt)*) => { vec![$(($name, is_x86_feature_detected!($name))),*] };
    }
    seen!("avx2" "fma" "f16c" "avx512f" "avx512bw" "avx512dq" "avx512vl" "avx512vnni" "avx512bf16")
}

/// The instructions that kernels look for: none, as what they use is in every processor of this target.
#[cfg(not(target_arch = "x86_64"))]
pub fn features() -> Vec<(&'static str, bool)> {
    Vec::new()
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_there_where_all_of_its_features_are() {
        let features = features();
        let has = |names: &[&str]| {
            assert!(names.iter().all(|name| features.iter().any(|(known, _)| known == name)), "{features:?}");
            features.iter().all(|(name, has)| *has || !names.contains(name))
        };
        let avx512 = ["avx512f", "avx512bw", "avx512dq", "avx512vl"];
        let dots = [&avx512[..], &["avx512vnni", "avx512bf16"]].concat();
        assert_eq!(Level::Avx2.is_available(), has(&["avx2", "fma", "f16c"]));
        assert_eq!(Level::Avx512.is_available(), has(&avx512));
        assert_eq!(Level::Avx512Dots.is_available(), has(&dots));
    }
}
