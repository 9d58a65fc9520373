//! Videos as images with their times between them.

use mlx_image::Tubelets;

use crate::Video;

/// When the first and the last frame of each tubelet are, in seconds. The last frame is repeated for a whole one.
pub(super) fn times(video: &Video, depth: usize) -> impl Iterator<Item = [f64; 2]> {
    let (count, seconds) = (video.frames.len(), video.interval.as_secs_f64());
    let depth = depth.max(1);
    let moment = move |at: usize| at.min(count.saturating_sub(1)) as f64 * seconds;
    (0..count).step_by(depth).map(move |first| [moment(first), moment(first + depth - 1)])
}

/// How many tokens a tubelet of frames has.
pub(super) fn tokens_of_frame(tubelets: &Tubelets) -> usize {
    let [time, ..] = tubelets.grid.shape;
    tubelets.grid.tokens() / time.max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mlx_image::{Image, Size};

    use super::*;

    #[test]
    fn the_last_frame_is_there_until_tubelets_are_whole() {
        let dot = Image::new(Size::square(1), vec![0; 3]).unwrap();
        let video = Video { frames: vec![dot; 3], interval: Duration::from_millis(500) };
        assert_eq!(times(&video, 2).collect::<Vec<_>>(), [[0.0, 0.5], [1.0, 1.0]]);
        assert_eq!(times(&video, 1).count(), 3);
    }
}
