//! The arithmetic of measuring: right, false and missed, and what follows from them.
//!
//! A class that nobody labelled has false alarms but no say in the macro F1; a share of nothing is no figure, never 0 or 1.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::labelled::Labelled;
use crate::rule::RuleSet;

/// What a class, a rule or a language came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) right: u32,
    pub(super) false_alarms: u32,
    pub(super) missed: u32,
}

impl Tally {
    pub(super) fn count(&mut self, is_labelled: bool, is_found: bool) {
        match (is_labelled, is_found) {
            (true, true) => self.right += 1,
            (false, true) => self.false_alarms += 1,
            (true, false) => self.missed += 1,
            (false, false) => {}
        }
    }

    pub(super) fn is_labelled(self) -> bool {
        self.right + self.missed > 0
    }

    /// Of what was found, the part that is right.
    pub(super) fn precision(self) -> Option<f64> {
        share(self.right, self.right + self.false_alarms)
    }

    /// Of what should be found, the part that was.
    pub(super) fn recall(self) -> Option<f64> {
        share(self.right, self.right + self.missed)
    }

    /// The harmonic mean of both.
    pub(super) fn f1(self) -> Option<f64> {
        share(
            2 * self.right,
            2 * self.right + self.false_alarms + self.missed,
        )
    }
}

/// `None` where there is no whole.
pub(super) fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

/// The scores of some items, class by class.
#[derive(Debug, Default)]
pub(super) struct Scores(pub(super) BTreeMap<String, Tally>);

impl Scores {
    pub(super) fn of<'a>(
        items: impl Iterator<Item = &'a Labelled>,
        classes: &BTreeSet<String>,
        rules: &RuleSet,
    ) -> Scores {
        let empty = |class: &String| (class.clone(), Tally::default());
        let mut scores = Scores(classes.iter().map(empty).collect());
        for item in items {
            for (class, tally) in &mut scores.0 {
                tally.count(item.is_labelled(class), item.is_found(rules, class));
            }
        }
        scores
    }

    pub(super) fn sum(&self) -> Tally {
        self.0.values().fold(Tally::default(), |sum, tally| Tally {
            right: sum.right + tally.right,
            false_alarms: sum.false_alarms + tally.false_alarms,
            missed: sum.missed + tally.missed,
        })
    }

    /// The mean F1 of the classes that occur as labels.
    pub(super) fn macro_f1(&self) -> Option<f64> {
        let labelled = self.0.values().filter(|tally| tally.is_labelled());
        let scores: Vec<f64> = labelled.filter_map(|tally| tally.f1()).collect();
        (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

/// A share as people read it, `0.873`; `-` where there is nothing to divide by.
pub(super) struct Figure(pub(super) Option<f64>);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(share) => write!(f, "{share:.3}"),
            None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_what() {
        for (right, false_alarms, missed, precision, recall, f1) in [
            (0, 0, 0, "-", "-", "-"),
            (3, 1, 0, "0.750", "1.000", "0.857"),
            (0, 2, 0, "0.000", "-", "0.000"),
            (0, 0, 2, "-", "0.000", "0.000"),
            (4, 4, 4, "0.500", "0.500", "0.500"),
        ] {
            let tally = Tally {
                right,
                false_alarms,
                missed,
            };
            let figures = [tally.precision(), tally.recall(), tally.f1()]
                .map(|share| Figure(share).to_string());
            assert_eq!(figures, [precision, recall, f1], "{tally:?}");
        }
    }

    #[test]
    fn the_macro_is_the_mean_of_labelled_classes() {
        let tally = |right, false_alarms, missed| Tally {
            right,
            false_alarms,
            missed,
        };
        let scores = |tallies: &[(&str, Tally)]| {
            let named = tallies
                .iter()
                .map(|(class, tally)| ((*class).to_owned(), *tally));
            Figure(Scores(named.collect()).macro_f1()).to_string()
        };
        assert_eq!(scores(&[]), "-");
        assert_eq!(
            scores(&[("a", tally(1, 0, 0)), ("b", tally(0, 0, 1))]),
            "0.500"
        );
        // Nobody labelled c: it has no say, whatever was found.
        assert_eq!(
            scores(&[("a", tally(1, 0, 0)), ("c", tally(0, 5, 0))]),
            "1.000"
        );
    }
}
