//! Scores to probabilities.

/// What is this much below the largest score is no part of a sum of `f32`.
const NEGLIGIBLE: f32 = 25.0;

/// `ln Σ exp(x)`; minus infinity for no scores, or none that is allowed.
pub(super) fn log_sum_exp(scores: &[f32]) -> f32 {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if most == f32::NEG_INFINITY {
        return most;
    }
    let near = scores.iter().filter(|&&score| score > most - NEGLIGIBLE);
    most + near.map(|score| (score - most).exp()).sum::<f32>().ln()
}

/// Makes scores the logarithms of probabilities.
pub(super) fn normalize(scores: &mut [f32]) {
    let sum = log_sum_exp(scores);
    scores.iter_mut().for_each(|score| *score -= sum);
}

/// The place of the largest score.
pub(super) fn largest(scores: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (at, &score) in scores.iter().enumerate() {
        if score > best.1 {
            best = (at, score);
        }
    }
    best.0
}

/// The places and values of the `count` largest scores, from the largest down.
pub(super) fn top(scores: &[f32], count: usize) -> Vec<(usize, f32)> {
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(count + 1);
    for (at, &score) in scores.iter().enumerate() {
        let last = best.last().map_or(f32::NEG_INFINITY, |&(_, last)| last);
        if best.len() < count || score > last {
            let place = best.partition_point(|&(_, other)| other >= score);
            best.insert(place, (at, score));
            best.truncate(count);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_whatever_is_forbidden() {
        let mut scores = [100.0, f32::NEG_INFINITY, 99.0, -1000.0];
        normalize(&mut scores);
        let sum: f32 = scores.iter().map(|score| score.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{scores:?}");
        assert_eq!(log_sum_exp(&[f32::NEG_INFINITY; 3]), f32::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[]), f32::NEG_INFINITY);
    }

    #[test]
    fn the_largest_come_in_order_and_the_first_of_equals_first() {
        assert_eq!(top(&[1.0, 5.0, 5.0, 2.0], 3), [(1, 5.0), (2, 5.0), (3, 2.0)]);
        assert_eq!(top(&[1.0], 3), [(0, 1.0)]);
        assert_eq!(largest(&[1.0, 5.0, 5.0]), 1);
    }
}
