//! What came of a backtest, by rule and by day (in UTC), and small bars for eyes.

use std::collections::{BTreeMap, HashSet};

use jiff::{ToSpan, civil::Date, tz::TimeZone};

use super::Outcome;
use crate::time::Timestamp;

/// Longer spans show only the days on which something matched.
const DAYS_SHOWN_WHOLE_MAX: usize = 400;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub alerts: u64,
    /// Items that matched.
    pub items: u64,
}

/// Counts by day.
pub type Days = BTreeMap<Date, Tally>;

/// The counts of an outcome.
#[derive(Debug, Default)]
pub struct Summary {
    pub total: Tally,
    /// Of all rules together: an item that matches two rules is one item.
    pub days: Days,
    /// For each compiled rule.
    pub rules: Vec<(Tally, Days)>,
}

impl Summary {
    /// Counts an outcome of so many rules.
    pub fn of(outcome: &Outcome, rules: usize) -> Summary {
        let mut summary = Summary {
            rules: vec![Default::default(); rules],
            ..Summary::default()
        };
        let mut counted = HashSet::new();
        for matched in &outcome.matched {
            let day = day_of(matched.at);
            let alerts = u64::from(matched.is_alerted);
            let first_rule = u64::from(counted.insert(matched.number));
            summary.total.add(alerts, first_rule);
            summary.days.entry(day).or_default().add(alerts, first_rule);
            if let Some((total, days)) = summary.rules.get_mut(matched.rule) {
                total.add(alerts, 1);
                days.entry(day).or_default().add(alerts, 1);
            }
        }
        summary
    }

    /// The days from the first to the last on which something matched in any of these summaries.
    pub fn span(summaries: &[&Summary]) -> Vec<Date> {
        let mut days: Vec<Date> = summaries
            .iter()
            .flat_map(|summary| summary.days.keys().copied())
            .collect();
        days.sort_unstable();
        days.dedup();
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            return days;
        };
        let whole: Vec<Date> = first
            .series(1.day())
            .take_while(|day| day <= last)
            .take(DAYS_SHOWN_WHOLE_MAX + 1)
            .collect();
        match whole.len() <= DAYS_SHOWN_WHOLE_MAX {
            true => whole,
            false => days,
        }
    }
}

impl Tally {
    fn add(&mut self, alerts: u64, items: u64) {
        self.alerts += alerts;
        self.items += items;
    }
}

/// The day of a time, in UTC.
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// A bar of at most `width` blocks for a number out of `max`; anything above nothing shows.
pub fn bar(number: u64, max: u64, width: u64) -> String {
    let blocks = match (number, max) {
        (0, _) | (_, 0) => 0,
        _ => (number.min(max) * width).div_ceil(max),
    };
    "▇".repeat(usize::try_from(blocks).unwrap_or(0))
}

/// One character a number, as high as it is; a dot for nothing.
pub fn sparkline(numbers: impl Iterator<Item = u64> + Clone) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let max = numbers.clone().max().unwrap_or(0);
    let height = |number: u64| match number {
        0 => '·',
        _ => {
            let height = (number * HEIGHTS.len() as u64).div_ceil(max);
            let at = usize::try_from(height).unwrap_or(1).clamp(1, HEIGHTS.len());
            HEIGHTS[at - 1]
        }
    };
    numbers.map(height).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::Match, *};

    /// Matches as (day and hour, item, rule, whether it alerts).
    fn outcome(matches: &[(&str, u64, usize, bool)]) -> Outcome {
        let matched = matches.iter().map(|(at, number, rule, is_alerted)| Match {
            at: format!("2024-{at}:00:00Z").parse().unwrap(),
            number: *number,
            rule: *rule,
            is_alerted: *is_alerted,
        });
        Outcome {
            matched: matched.collect(),
            ..Outcome::default()
        }
    }

    fn shown(days: &Days) -> Vec<String> {
        let day = |(day, tally): (&Date, &Tally)| format!("{day} {} {}", tally.alerts, tally.items);
        days.iter().map(day).collect()
    }

    #[test]
    fn alerts_and_items_are_counted_by_rule_and_day() {
        let outcome = outcome(&[
            ("12-06T00", 1, 0, true),
            ("12-06T00", 1, 1, true),
            ("12-06T23", 2, 0, false),
            ("12-08T00", 3, 1, true),
        ]);
        let summary = Summary::of(&outcome, 3);
        assert_eq!(
            summary.total,
            Tally {
                alerts: 3,
                items: 3
            }
        );
        assert_eq!(shown(&summary.days), ["2024-12-06 2 2", "2024-12-08 1 1"]);
        let rules: Vec<_> = summary
            .rules
            .iter()
            .map(|(total, days)| (*total, shown(days)))
            .collect();
        let tally = |alerts, items| Tally { alerts, items };
        assert_eq!(rules[0], (tally(1, 2), vec!["2024-12-06 1 2".to_owned()]));
        assert_eq!(
            rules[1],
            (
                tally(2, 2),
                vec!["2024-12-06 1 1".to_owned(), "2024-12-08 1 1".to_owned()]
            )
        );
        assert_eq!(rules[2], (tally(0, 0), vec![]));
    }

    #[test]
    fn quiet_days_in_between_are_shown_unless_there_are_too_many() {
        for (first, last, days) in [
            ("12-06T00", "12-06T23", 1),
            ("12-06T23", "12-09T00", 4),
            ("01-01T00", "12-31T00", 366),
        ] {
            let outcome = outcome(&[(first, 1, 0, true), (last, 2, 0, true)]);
            let summary = Summary::of(&outcome, 1);
            assert_eq!(Summary::span(&[&summary]).len(), days, "{first} {last}");
        }
        let mut far = outcome(&[("12-06T00", 1, 0, true), ("12-07T00", 2, 0, true)]);
        far.matched[0].at = "1994-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(Summary::span(&[&Summary::of(&far, 1)]).len(), 2);
        assert_eq!(Summary::span(&[&Summary::default()]).len(), 0);
    }

    #[test]
    fn bars_show_anything_above_nothing() {
        for (number, max, expected) in [
            (0, 9, ""),
            (1, 900, "▇"),
            (9, 9, "▇▇▇▇"),
            (5, 10, "▇▇"),
            (0, 0, ""),
        ] {
            assert_eq!(bar(number, max, 4), expected, "{number} of {max}");
        }
        assert_eq!(sparkline([0, 1, 4, 8].into_iter()), "·▁▄█");
        assert_eq!(sparkline([0, 0].into_iter()), "··");
        assert_eq!(sparkline([].into_iter()), "");
    }
}
