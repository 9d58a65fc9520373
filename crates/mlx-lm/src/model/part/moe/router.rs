//! Which experts a token passes, and how much of each.

use mlx_core::{Array, Dtype, Index, Result as MlxResult, keep};
use mlx_nn::{Linear, Module, Weights};

use crate::config::size;
use crate::{Error, Result};

/// How experts are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Routing {
    /// How many experts there are.
    pub(crate) experts: i32,
    /// How many of them a token passes.
    pub(crate) chosen: i32,
    pub(crate) scores: Scores,
}

/// What the outputs of a router mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scores {
    /// A softmax is over all experts. The shares of the chosen ones become 1 together if `normalized`.
    Softmax { normalized: bool },
    /// A softmax is over the chosen ones.
    SoftmaxOfChosen,
    /// Each has a probability of its own.
    Sigmoid(Sigmoid),
}

/// Probabilities that a correction is added to where experts are chosen, and only there.
///
/// Liu et al., "DeepSeek-V3 Technical Report".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sigmoid {
    /// The shares of the chosen experts become 1 together, before the factor.
    pub(crate) normalized: bool,
    /// Groups of experts, of which so many are left: those whose two best are best.
    pub(crate) groups: i32,
    pub(crate) chosen_groups: i32,
    /// What shares are multiplied by.
    pub(crate) factor: f32,
}

/// The experts of each token, and what their outputs are multiplied by: `[…, chosen]` both.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) experts: Array,
    pub(crate) shares: Array,
}

/// Scores the experts for each token.
#[derive(Module)]
pub(crate) struct Router {
    #[module(flatten)]
    scores: Linear,
    e_score_correction_bias: Option<Array>,
    #[module(skip)]
    routing: Routing,
}

impl Routing {
    /// Checks that the numbers go together.
    ///
    /// # Errors
    /// Names those that do not.
    pub(crate) fn checked(self) -> Result<Self> {
        let (experts, chosen) =
            (size("the number of experts", self.experts)?, size("num_experts_per_tok", self.chosen)?);
        let mut available = experts;
        if let Scores::Sigmoid(Sigmoid { groups, chosen_groups, .. }) = self.scores {
            let (groups, left) = (size("n_group", groups)?, size("topk_group", chosen_groups)?);
            if experts % groups != 0 || left > groups {
                return Err(Error::Config(format!(
                    "{experts} experts in n_group {groups} of which topk_group {left} are chosen: the groups must \
                     divide the experts and be as many as are chosen"
                )));
            }
            available = experts / groups * left;
        }
        if chosen > available {
            let message =
                format!("num_experts_per_tok is {chosen}, but there are {available} to choose from");
            return Err(Error::Config(message));
        }
        Ok(self)
    }
}

impl Router {
    /// The router at the path of `w` for tokens of `hidden` features; one of sigmoids has a correction.
    pub(crate) fn load(w: &Weights, hidden: i32, bias: bool, routing: Routing) -> Result<Self> {
        let routing = routing.checked()?;
        let corrected = matches!(routing.scores, Scores::Sigmoid(_));
        let zeros = |shape: &[i32], _: &_| Array::zeros(shape, Dtype::Float32);
        // The correction tells apart what half types do not.
        let exact = w.clone().with_dtype(None);
        let correction = || exact.parameter("e_score_correction_bias", [routing.experts], zeros);
        Ok(Self {
            scores: Linear::load(w, [routing.experts, hidden], bias)?,
            e_score_correction_bias: corrected.then(correction).transpose()?,
            routing,
        })
    }

    /// The choice for each token of `[…, hidden]`.
    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Choice> {
        let Routing { chosen, scores, .. } = self.routing;
        let logits = self.scores.forward(x)?;
        match scores {
            Scores::Softmax { normalized } => {
                let all = logits.softmax(-1)?;
                let experts = best(&all, chosen)?;
                let shares = all.take_along_axis(&experts, -1)?;
                Ok(Choice { experts, shares: if normalized { normalize(&shares)? } else { shares } })
            }
            Scores::SoftmaxOfChosen => {
                let experts = best(&logits, chosen)?;
                let shares = logits.take_along_axis(&experts, -1)?.softmax(-1)?;
                Ok(Choice { experts, shares })
            }
            Scores::Sigmoid(sigmoid) => {
                let all = logits.astype(Dtype::Float32)?.sigmoid()?;
                let corrected = match &self.e_score_correction_bias {
                    Some(correction) => (&all + correction)?,
                    None => all.clone(),
                };
                let experts = best(&sigmoid.within_groups(&corrected)?, chosen)?;
                let shares = all.take_along_axis(&experts, -1)?;
                // The share of a single expert would always be 1.
                let shares = if sigmoid.normalized && chosen > 1 { normalize(&shares)? } else { shares };
                Ok(Choice { experts, shares: (shares * sigmoid.factor)? })
            }
        }
    }
}

impl Sigmoid {
    /// `scores` `[…, experts]` where those of groups that are not chosen are out of the question.
    fn within_groups(self, scores: &Array) -> MlxResult<Array> {
        let left_out = self.groups - self.chosen_groups;
        if left_out == 0 {
            return Ok(scores.clone());
        }
        let grouped = scores.unflatten(-1, [self.groups, -1])?;
        let best_two = grouped.topk(grouped.dim(-1)?.min(2), -1)?.sum(-1)?;
        let worst = best_two.argpartition(left_out - 1, -1)?.index((Index::Ellipsis, ..left_out))?;
        let lowest = Array::full([1], f32::NEG_INFINITY, Dtype::Float32)?;
        grouped.put_along_axis(&worst.expand_dims(-1)?, &lowest, -2)?.flatten(-2, -1)
    }
}

/// Where the greatest of the last axis are, in no certain order; no gradient goes through it.
fn best(scores: &Array, count: i32) -> MlxResult<Array> {
    scores.argpartition(-count, -1)?.index((Index::Ellipsis, -count..))?.stop_gradient()
}

fn normalize(shares: &Array) -> MlxResult<Array> {
    shares / shares.sum(keep(-1))?
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A router whose scores are the features of a token.
    fn router(chosen: i32, scores: Scores, correction: Option<[f32; 6]>) -> Router {
        let mut arrays =
            BTreeMap::from([("weight".to_owned(), Array::eye([6, 6], 0, Dtype::Float32).unwrap())]);
        if let Some(correction) = correction {
            arrays.insert("e_score_correction_bias".to_owned(), Array::from(correction));
        }
        let routing = Routing { experts: 6, chosen, scores };
        Weights::new(arrays, None).build(|w| Router::load(w, 6, false, routing)).unwrap()
    }

    /// The experts of one token in order, with their shares.
    fn choose(router: &Router, token: [f32; 6]) -> Vec<(u32, f32)> {
        let Choice { experts, shares } = router.forward(&Array::from([token])).unwrap();
        let experts = experts.to_vec::<u32>().unwrap();
        let mut pairs: Vec<_> = experts.into_iter().zip(shares.to_vec::<f32>().unwrap()).collect();
        pairs.sort_by_key(|&(expert, _)| expert);
        pairs
    }

    fn assert_choice(actual: &[(u32, f32)], expected: &[(u32, f32)]) {
        assert_eq!(actual.len(), expected.len(), "{actual:?}");
        for (actual, expected) in actual.iter().zip(expected) {
            assert!(
                actual.0 == expected.0 && (actual.1 - expected.1).abs() < 1e-6,
                "{actual:?} {expected:?}"
            );
        }
    }

    fn sigmoid(x: f32) -> f32 {
        1.0 / (1.0 + (-x).exp())
    }

    const TOKEN: [f32; 6] = [0.5, 2.0, -1.0, 1.0, -0.5, 0.0];

    #[test]
    fn a_softmax_over_all_gives_shares_of_all_unless_they_are_normalized() {
        let sum: f32 = TOKEN.iter().map(|x| x.exp()).sum();
        let [one, three] = [2.0_f32.exp(), 1.0_f32.exp()];
        let plain = router(2, Scores::Softmax { normalized: false }, None);
        assert_choice(&choose(&plain, TOKEN), &[(1, one / sum), (3, three / sum)]);
        let normalized = router(2, Scores::Softmax { normalized: true }, None);
        let expected = [(1, one / (one + three)), (3, three / (one + three))];
        assert_choice(&choose(&normalized, TOKEN), &expected);
        assert_choice(&choose(&router(2, Scores::SoftmaxOfChosen, None), TOKEN), &expected);
    }

    const SIGMOID: Sigmoid = Sigmoid { normalized: false, groups: 1, chosen_groups: 1, factor: 2.0 };

    #[test]
    fn a_correction_counts_where_experts_are_chosen_and_only_there() {
        let correction = Some([0.0, -1.0, 0.0, 0.0, 0.9, 0.0]);
        let corrected = router(2, Scores::Sigmoid(SIGMOID), correction);
        let expected = [(3, 2.0 * sigmoid(1.0)), (4, 2.0 * sigmoid(-0.5))];
        assert_choice(&choose(&corrected, TOKEN), &expected);
        let normalized = Sigmoid { normalized: true, ..SIGMOID };
        let [a, b] = [sigmoid(1.0), sigmoid(-0.5)];
        let expected = [(3, 2.0 * a / (a + b)), (4, 2.0 * b / (a + b))];
        assert_choice(&choose(&router(2, Scores::Sigmoid(normalized), correction), TOKEN), &expected);
    }

    #[test]
    fn experts_of_groups_that_are_not_chosen_are_out_of_the_question() {
        let grouped = Sigmoid { groups: 3, chosen_groups: 1, factor: 1.0, ..SIGMOID };
        // The second best of all is within a group whose two are worse together.
        let one = router(2, Scores::Sigmoid(grouped), Some([0.0; 6]));
        assert_choice(&choose(&one, TOKEN), &[(0, sigmoid(0.5)), (1, sigmoid(2.0))]);
        let below = Some([0.0, 0.0, 0.0, 0.0, -3.0, -3.0]);
        let two = Sigmoid { chosen_groups: 2, ..grouped };
        let two = router(4, Scores::Sigmoid(two), below);
        assert_eq!(choose(&two, TOKEN).iter().map(|pair| pair.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn numbers_that_do_not_go_together_are_named() {
        let check = |chosen, scores| Routing { experts: 6, chosen, scores }.checked().map(drop);
        let refuse = |chosen, scores| check(chosen, scores).unwrap_err().to_string();
        assert!(refuse(7, Scores::SoftmaxOfChosen).contains("num_experts_per_tok is 7, but there are 6"));
        assert!(refuse(0, Scores::SoftmaxOfChosen).contains("num_experts_per_tok is 0"));
        let groups = |groups, chosen_groups| Scores::Sigmoid(Sigmoid { groups, chosen_groups, ..SIGMOID });
        assert!(refuse(1, groups(4, 1)).contains("n_group 4"));
        assert!(refuse(1, groups(3, 4)).contains("topk_group 4"));
        assert!(refuse(3, groups(3, 1)).contains("there are 2 to choose from"));
        check(2, groups(3, 1)).unwrap();
    }
}
