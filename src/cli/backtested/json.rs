//! A backtest for programs: one document a line, of the kinds `rule`, `day`, `alert` and `total`.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use jiff::civil::Date;
use serde_json::json;

use super::{Replayed, Report};
use crate::backtest::Tally;

impl Report<'_> {
    /// Every rule, every rule's days, every alert, the total.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let mut line = |document: serde_json::Value| writeln!(out, "{document}");
        let difference = self.difference();
        let span = self.span();
        let is_compared = difference.is_some();
        for row in self.rows(difference.as_ref(), &span) {
            let mut document = json!({"kind": "rule", "rule": row.rule.id, "title": row.rule.title, "severity": row.rule.severity});
            add_tallies(&mut document, &row.tallies);
            if is_compared {
                document["gained"] = row.gained.into();
                document["lost"] = row.lost.into();
            }
            line(document)?;
        }
        for day in &span {
            let of_all =
                |set: &Replayed<'_>| Some(set.summary.days.get(day).copied().unwrap_or_default());
            let mut document = json!({"kind": "day", "day": day});
            add_tallies(
                &mut document,
                &self.sets.iter().map(of_all).collect::<Vec<_>>(),
            );
            document["rules"] = self.rules_of_day(day);
            line(document)?;
        }
        match (&difference, self.sets.first()) {
            (Some(difference), _) => {
                for (change, alerts) in [("gained", &difference.gained), ("lost", &difference.lost)]
                {
                    for opened in alerts {
                        line(json!({"kind": "alert", "change": change, "alert": opened.last}))?;
                    }
                }
                for (was, is) in &difference.unchanged {
                    let mut document =
                        json!({"kind": "alert", "change": "unchanged", "alert": is.last});
                    if was.number != is.number {
                        document["was_opened_by"] = json!(was.alert.item);
                    }
                    line(document)?;
                }
            }
            (None, Some(set)) => {
                for opened in &set.outcome.opened {
                    line(json!({"kind": "alert", "alert": opened.last}))?;
                }
            }
            (None, None) => {}
        }
        let mut total =
            json!({"kind": "total", "items": self.items - self.repeats, "repeats": self.repeats});
        let totals: Vec<_> = self
            .sets
            .iter()
            .map(|set| Some(set.summary.total))
            .collect();
        add_tallies(&mut total, &totals);
        if let (None, Some(set)) = (&difference, self.sets.first()) {
            let reasons = set.outcome.reasons.iter();
            total["reasons"] = reasons
                .map(|(reason, times)| (reason.name(), *times))
                .collect();
        }
        if let Some(difference) = &difference {
            total["gained"] = difference.gained.len().into();
            total["lost"] = difference.lost.len().into();
            total["unchanged"] = difference.unchanged.len().into();
        }
        line(total)
    }

    /// The rules that matched on a day, each with its tallies.
    fn rules_of_day(&self, day: &Date) -> serde_json::Value {
        let mut names = BTreeSet::new();
        for set in &self.sets {
            let rules = set.rules.rules().iter().zip(&set.summary.rules);
            names.extend(
                rules
                    .filter(|(_, (_, days))| days.contains_key(day))
                    .map(|(rule, _)| rule.id.as_str()),
            );
        }
        let mut documents = serde_json::Map::new();
        for name in names {
            let tallies = self.sets.iter().map(|set| {
                let at = set.rules.rules().iter().position(|rule| rule.id == name)?;
                Some(
                    set.summary
                        .rules
                        .get(at)?
                        .1
                        .get(day)
                        .copied()
                        .unwrap_or_default(),
                )
            });
            let mut document = json!({});
            add_tallies(&mut document, &tallies.collect::<Vec<_>>());
            documents.insert(name.to_owned(), document);
        }
        documents.into()
    }
}

/// One set: `alerts` and `matched_items`. Two: the same below `before` and `after`, null where a set lacks the rule.
fn add_tallies(document: &mut serde_json::Value, tallies: &[Option<Tally>]) {
    let of = |tally: &Option<Tally>| {
        tally.map(|tally| json!({"alerts": tally.alerts, "matched_items": tally.items}))
    };
    match tallies {
        [before, after] => {
            document["before"] = json!(of(before));
            document["after"] = json!(of(after));
        }
        [Some(tally)] => {
            document["alerts"] = tally.alerts.into();
            document["matched_items"] = tally.items.into();
        }
        _ => {}
    }
}
