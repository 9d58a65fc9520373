//! Pre-emphasis: higher frequencies made louder.

/// Takes from each sample a part of the one before it; the first stays. As torchaudio's and NeMo's pre-emphasis.
pub fn preemphasize(samples: &mut [f32], part: f32) {
    let mut before = 0.0;
    for sample in samples {
        let now = *sample;
        *sample = now - part * before;
        before = now;
    }
}
