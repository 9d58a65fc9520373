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
    /// The grammar that keeps to the budget, and to `form` where a text must have one beside that.
    pub fn grammar(self, form: Option<Grammar>) -> Grammar {
        Grammar::new(move || {
            let form = form.as_ref().map(Grammar::start).transpose()?;
            Ok(Box::new(Thinking { budget: self.clone(), form, within: self.open, matched: 0, spent: 0 }))
        })
    }
}

struct Thinking {
    budget: ThinkingBudget,
    form: Option<Box<dyn Constraint>>,
    within: bool,
    /// How many tokens of the next marker were the last ones of the text.
    matched: usize,
    spent: usize,
}

impl Thinking {
    /// The token of the next marker that follows those that were matched.
    fn expected(&self) -> Option<u32> {
        let marker = if self.within { &self.budget.end } else { &self.budget.start };
        marker.get(self.matched).copied()
    }
}

impl Constraint for Thinking {
    fn allowed(&mut self) -> Result<Allowed> {
        match (self.expected(), &mut self.form) {
            (Some(token), _) if self.within && self.spent >= self.budget.tokens => {
                Ok(Allowed::Only([token].into_iter().collect()))
            }
            (_, Some(form)) => form.allowed(),
            _ => Ok(Allowed::Any),
        }
    }

    fn accept(&mut self, token: u32) -> Result<()> {
        self.spent += usize::from(self.within);
        if self.expected() != Some(token) {
            self.matched = 0;
        }
        self.matched += usize::from(self.expected() == Some(token));
        if self.matched > 0 && self.expected().is_none() {
            self.within = !self.within;
            self.matched = 0;
        }
        self.form.as_mut().map_or(Ok(()), |form| form.accept(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: usize = 3;

    fn thinking(open: bool, form: Option<Grammar>) -> Box<dyn Constraint> {
        let budget = ThinkingBudget { tokens: BUDGET, start: vec![1, 2], end: vec![8, 9], open };
        budget.grammar(form).start().unwrap()
    }

    fn only(tokens: &[u32]) -> Allowed {
        Allowed::Only(tokens.iter().copied().collect())
    }

    /// What is allowed before each token, and after the last.
    fn run(mut constraint: Box<dyn Constraint>, tokens: &[u32]) -> Vec<Allowed> {
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
        let allowed = run(thinking(true, None), &[5, 5, 5, 8, 9, 5]);
        assert_eq!(
            allowed,
            [any.clone(), any.clone(), any.clone(), only(&[8]), only(&[9]), any.clone(), any]
        );
    }

    #[test]
    fn reasoning_that_ends_in_time_is_left_alone() {
        for tokens in [&[1, 2, 5, 8, 9, 5, 5, 5, 5][..], &[5, 1, 5, 5, 5, 5], &[1, 1, 2, 8, 9]] {
            assert!(run(thinking(false, None), tokens).iter().all(|allowed| *allowed == Allowed::Any));
        }
    }

    #[test]
    fn an_end_that_has_begun_is_completed() {
        let allowed = run(thinking(false, None), &[1, 2, 5, 5, 8]);
        assert_eq!(allowed.last(), Some(&only(&[9])));
    }

    #[test]
    fn a_second_reasoning_has_what_the_first_left() {
        let allowed = run(thinking(false, None), &[1, 2, 5, 8, 9, 1, 2]);
        assert_eq!(allowed.last(), Some(&only(&[8])));
    }

    struct Fours;

    impl Constraint for Fours {
        fn allowed(&mut self) -> Result<Allowed> {
            Ok(only(&[4]))
        }

        fn accept(&mut self, token: u32) -> Result<()> {
            if token == 4 { Ok(()) } else { Err(crate::Error::Constraint("no four".into())) }
        }
    }

    #[test]
    fn the_form_of_the_answer_is_kept_after_reasoning() {
        let fours = Grammar::new(|| Ok(Box::new(Fours)));
        let allowed = run(thinking(true, Some(fours.clone().after(vec![8, 9]))), &[5, 8, 9, 4, 4]);
        let (any, four) = (Allowed::Any, only(&[4]));
        assert_eq!(allowed, [any.clone(), any.clone(), any, four.clone(), four.clone(), four.clone()]);
        assert_eq!(run(thinking(false, Some(fours)), &[4]), [four.clone(), four]);
    }
}
