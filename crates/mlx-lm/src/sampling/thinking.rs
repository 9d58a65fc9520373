//! A limit to reasoning.

use super::{Allowed, Constraint, Grammar};
use crate::Result;

/// Ends the reasoning of a text after so many tokens, by allowing nothing but the marker that ends it.
///
/// The next token is then not computed ahead of the reader, as with any grammar.
///
/// ```
/// use mlx_lm::{GenerateOptions, sampling::ThinkingBudget};
///
/// let budget = ThinkingBudget { tokens: 512, start: vec![151667], end: vec![151668], open: false };
/// let options = GenerateOptions { grammar: Some(budget.grammar(None)), ..GenerateOptions::default() };
/// ```
#[derive(Clone, Debug)]
pub struct ThinkingBudget {
    /// The most tokens between the markers, in all reasoning of the text together.
    pub tokens: usize,
    /// The tokens that begin reasoning.
    pub start: Vec<u32>,
    /// The tokens that end it.
    pub end: Vec<u32>,
    /// Whether the prompt ends within reasoning.
    pub open: bool,
}

impl ThinkingBudget {
    /// The grammar that keeps to the budget. `answer` is the form of what comes after the reasoning, or instead of it.
    pub fn grammar(self, answer: Option<Grammar>) -> Grammar {
        Grammar::new(move || {
            let answer = answer.as_ref().map(Grammar::start).transpose()?;
            let phase = if self.open { Phase::Within } else { Phase::Outside };
            Ok(Box::new(Thinking { budget: self.clone(), answer, phase, matched: Vec::new(), spent: 0 }))
        })
    }
}

struct Thinking {
    budget: ThinkingBudget,
    answer: Option<Box<dyn Constraint>>,
    phase: Phase,
    /// The tokens that begin the next marker.
    matched: Vec<u32>,
    spent: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Reasoning may begin.
    Outside,
    Within,
    /// Reasoning is over.
    After,
}

impl Thinking {
    /// The token of a marker that follows those that were matched.
    fn expected(&self) -> Option<u32> {
        let marker = if self.phase == Phase::Within { &self.budget.end } else { &self.budget.start };
        marker.get(self.matched.len()).copied()
    }

    /// Matches a token with the next marker. Returns whether it is one's last.
    fn matches(&mut self, token: u32) -> bool {
        if self.expected() != Some(token) {
            self.matched.clear();
        }
        if self.expected() == Some(token) {
            self.matched.push(token);
        }
        let complete = !self.matched.is_empty() && self.expected().is_none();
        if complete {
            self.matched.clear();
        }
        complete
    }

    /// Takes a token outside of reasoning.
    fn accept_outside(&mut self, token: u32) -> Result<()> {
        let mut before = self.matched.clone();
        if self.matches(token) {
            self.phase = Phase::Within;
        } else if self.matched.is_empty()
            && let Some(answer) = &mut self.answer
        {
            // The answer has begun without reasoning.
            self.phase = Phase::After;
            before.push(token);
            return before.into_iter().try_for_each(|token| answer.accept(token));
        }
        Ok(())
    }
}

impl Constraint for Thinking {
    fn allowed(&mut self) -> Result<Allowed> {
        let marker = self.expected();
        match (self.phase, &mut self.answer) {
            (Phase::Within, _) if self.spent >= self.budget.tokens => {
                Ok(marker.map_or(Allowed::Any, |token| Allowed::Only([token].into_iter().collect())))
            }
            (Phase::After, Some(answer)) => answer.allowed(),
            (Phase::Outside, Some(answer)) if self.matched.is_empty() => match answer.allowed()? {
                Allowed::Only(mut tokens) => {
                    marker.into_iter().for_each(|token| tokens.insert(token));
                    Ok(Allowed::Only(tokens))
                }
                other => Ok(other),
            },
            (Phase::Outside, Some(_)) => {
                Ok(marker.map_or(Allowed::Any, |token| Allowed::Only([token].into_iter().collect())))
            }
            _ => Ok(Allowed::Any),
        }
    }

    fn accept(&mut self, token: u32) -> Result<()> {
        match (self.phase, &mut self.answer) {
            (Phase::Outside, _) => self.accept_outside(token),
            (Phase::Within, answer) => {
                let over = if answer.is_some() { Phase::After } else { Phase::Outside };
                self.spent += 1;
                if self.matches(token) {
                    self.phase = over;
                }
                Ok(())
            }
            (Phase::After, Some(answer)) => answer.accept(token),
            (Phase::After, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: usize = 3;

    fn thinking(open: bool, answer: Option<Grammar>) -> Box<dyn Constraint> {
        ThinkingBudget { tokens: BUDGET, start: vec![1, 2], end: vec![8, 9], open }
            .grammar(answer)
            .start()
            .unwrap()
    }

    fn only(tokens: &[u32]) -> Allowed {
        Allowed::Only(tokens.iter().copied().collect())
    }

    /// What is allowed before each token, and after the last.
    fn run(constraint: &mut Box<dyn Constraint>, tokens: &[u32]) -> Vec<Allowed> {
        let mut allowed = vec![constraint.allowed().unwrap()];
        for &token in tokens {
            constraint.accept(token).unwrap();
            allowed.push(constraint.allowed().unwrap());
        }
        allowed
    }

    #[test]
    fn the_end_is_forced_once_the_budget_is_spent() {
        let any = Allowed::Any;
        let allowed = run(&mut thinking(true, None), &[5, 5, 5, 8, 9, 5]);
        assert_eq!(
            allowed,
            [any.clone(), any.clone(), any.clone(), only(&[8]), only(&[9]), any.clone(), any]
        );
    }

    #[test]
    fn reasoning_that_ends_in_time_is_left_alone() {
        for tokens in [&[1, 2, 5, 8, 9, 5, 5, 5, 5][..], &[5, 1, 5, 5, 5, 5], &[1, 1, 2, 8, 9]] {
            assert!(run(&mut thinking(false, None), tokens).iter().all(|allowed| *allowed == Allowed::Any));
        }
    }

    #[test]
    fn an_end_that_has_begun_is_completed() {
        let allowed = run(&mut thinking(false, None), &[1, 2, 5, 5, 8]);
        assert_eq!(allowed.last(), Some(&only(&[9])));
    }

    #[test]
    fn a_second_reasoning_has_what_the_first_left() {
        let allowed = run(&mut thinking(false, None), &[1, 2, 5, 8, 9, 1, 2]);
        assert_eq!(allowed.last(), Some(&only(&[8])));
    }

    struct Even;

    impl Constraint for Even {
        fn allowed(&mut self) -> Result<Allowed> {
            Ok(only(&[0, 4]))
        }

        fn accept(&mut self, token: u32) -> Result<()> {
            if token.is_multiple_of(2) { Ok(()) } else { Err(crate::Error::Constraint("odd".into())) }
        }
    }

    #[test]
    fn the_form_of_the_answer_is_kept_after_reasoning_or_without_it() {
        let even = || Some(Grammar::new(|| Ok(Box::new(Even))));
        let allowed = run(&mut thinking(false, even()), &[1, 2, 5, 8, 9, 4]);
        let (any, answer) = (Allowed::Any, only(&[0, 4]));
        let expected =
            [only(&[0, 1, 4]), only(&[2]), any.clone(), any.clone(), any, answer.clone(), answer.clone()];
        assert_eq!(allowed, expected);
        assert_eq!(run(&mut thinking(false, even()), &[4]), [only(&[0, 1, 4]), answer.clone()]);
        assert_eq!(run(&mut thinking(true, even()), &[8, 9]), [Allowed::Any, Allowed::Any, answer]);
    }
}
