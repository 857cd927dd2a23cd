//! What came of a backtest, as it is printed: tables and bars for people, columns into a pipe, documents for programs.

mod json;

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use jiff::civil::Date;

use super::{hits::words, show, show::Cell};
use crate::{
    backtest::{Difference, Opened, Outcome, Summary, Tally, Timeline, bar, difference, sparkline},
    model::{Field, Severity},
    rule::{RuleSet, RuleSource},
};

/// The width of the longest bar.
const BAR_WIDTH: u64 = 40;
/// Days in the small bars beside each rule: the last ones.
const SPARKLINE_DAYS: usize = 62;

/// One set of rules over some items, or two compared.
pub struct Report<'r> {
    sets: Vec<Replayed<'r>>,
    items: u64,
    repeats: u64,
}

/// A set of rules with what it caused.
struct Replayed<'r> {
    rules: &'r RuleSet,
    outcome: Outcome,
    summary: Summary,
}

/// A rule before and after: its tallies, absent where the set does not have it.
struct Row<'a> {
    rule: &'a RuleSource,
    tallies: Vec<Option<Tally>>,
    /// Alerts by day of the last set.
    days: Vec<u64>,
    gained: u64,
    lost: u64,
}

impl<'r> Report<'r> {
    /// The configured rules first, then those they are compared with, if any.
    pub fn new(sets: Vec<&'r RuleSet>, outcomes: Vec<Outcome>, timeline: &Timeline) -> Report<'r> {
        let sets = sets
            .into_iter()
            .zip(outcomes)
            .map(|(rules, outcome)| Replayed {
                summary: Summary::of(&outcome, rules.rules().len()),
                rules,
                outcome,
            });
        Report {
            sets: sets.collect(),
            items: timeline.items(),
            repeats: timeline.repeats(),
        }
    }

    fn difference(&self) -> Option<Difference<'_>> {
        match self.sets.as_slice() {
            [before, after] => Some(difference(&before.outcome, &after.outcome)),
            _ => None,
        }
    }

    fn span(&self) -> Vec<Date> {
        Summary::span(&self.sets.iter().map(|set| &set.summary).collect::<Vec<_>>())
    }

    /// Every rule of every set, most alerts first.
    fn rows(&self, difference: Option<&Difference<'_>>, span: &[Date]) -> Vec<Row<'_>> {
        let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
        for (number, set) in self.sets.iter().enumerate() {
            for (rule, (total, days)) in set.rules.rules().iter().zip(&set.summary.rules) {
                let row = rows.entry(&rule.id).or_insert_with(|| Row {
                    rule,
                    tallies: vec![None; self.sets.len()],
                    days: Vec::new(),
                    gained: 0,
                    lost: 0,
                });
                row.rule = rule;
                row.tallies[number] = Some(*total);
                let alerts = span
                    .iter()
                    .map(|day| days.get(day).map_or(0, |tally| tally.alerts));
                row.days = alerts.collect();
            }
        }
        for (opened, is_gained) in changes(difference) {
            if let Some(row) = rows.get_mut(opened.alert.rule.as_str()) {
                row.gained += u64::from(is_gained);
                row.lost += u64::from(!is_gained);
            }
        }
        let mut rows: Vec<Row<'_>> = rows.into_values().collect();
        let alerts = |row: &Row<'_>| row.tallies.iter().flatten().map(|tally| tally.alerts).max();
        rows.sort_by_key(|row| std::cmp::Reverse(alerts(row)));
        rows
    }

    /// Tables, and with two sets every alert gained or lost.
    pub fn write(&self, out: &mut impl Write, is_terminal: bool) -> io::Result<()> {
        let difference = self.difference();
        let span = self.span();
        let rows = self.rows(difference.as_ref(), &span);
        let is_quiet = |row: &&Row<'_>| row.tallies.iter().flatten().all(|tally| tally.items == 0);
        let quiet = rows.iter().filter(is_quiet).count() as u64;
        let loud: Vec<&Row<'_>> = rows.iter().filter(|row| !is_quiet(row)).collect();
        let tables = match &difference {
            None => [
                rule_table(&loud, is_terminal),
                self.day_table(&span, is_terminal),
            ],
            Some(difference) => [
                changed_rule_table(&loud),
                self.changed_day_table(&span, difference, is_terminal),
            ],
        };
        for table in tables.into_iter().filter(|_| !span.is_empty()) {
            for line in table {
                writeln!(out, "{line}")?;
            }
            writeln!(out)?;
        }
        for (opened, is_gained) in changes(difference.as_ref()) {
            write_change(out, opened, is_gained)?;
        }
        if difference
            .as_ref()
            .is_some_and(|difference| !difference.gained.is_empty() || !difference.lost.is_empty())
        {
            writeln!(out)?;
        }
        for line in self.totals(difference.as_ref(), &span, quiet) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn totals(
        &self,
        difference: Option<&Difference<'_>>,
        span: &[Date],
        quiet: u64,
    ) -> Vec<String> {
        let alerts = |number: u64| show::count(number, "alert", "alerts");
        let mut lines = Vec::new();
        let names: &[&str] = match self.sets.len() {
            1 => &[""],
            _ => &["configured rules: ", "compared rules: "],
        };
        for (set, name) in self.sets.iter().zip(names) {
            let total = set.summary.total;
            lines.push(format!(
                "{name}{} from {} in {}",
                alerts(total.alerts),
                show::count(total.items, "matched item", "matched items"),
                show::count(self.items - self.repeats, "item", "items")
            ));
        }
        if let Some(difference) = difference {
            lines.push(format!(
                "{} gained, {} lost, {} unchanged",
                alerts(difference.gained.len() as u64),
                difference.lost.len(),
                difference.unchanged.len()
            ));
        }
        if let (Some(first), Some(last)) = (span.first(), span.last())
            && let Some(line) = lines.last_mut()
        {
            *line += &format!(", {first} to {last}");
        }
        if let (None, Some(set)) = (difference, self.sets.first()) {
            let reasons = set.outcome.reasons.iter();
            let reasons: Vec<String> = reasons
                .map(|(reason, times)| format!("{times} {}", reason.name()))
                .collect();
            if !reasons.is_empty() {
                lines.push(format!("decided: {}", reasons.join(", ")));
            }
        }
        if quiet > 0 {
            lines.push(format!(
                "{} found nothing",
                show::count(quiet, "rule", "rules")
            ));
        }
        if self.repeats > 0 {
            lines.push(format!(
                "{} with an id that its feed had before left out",
                show::count(self.repeats, "item", "items")
            ));
        }
        lines
    }

    fn day_table(&self, span: &[Date], is_terminal: bool) -> Vec<String> {
        let Some(set) = self.sets.first() else {
            return Vec::new();
        };
        let tally = |day: &Date| set.summary.days.get(day).copied().unwrap_or_default();
        let max = span.iter().map(|day| tally(day).alerts).max().unwrap_or(0);
        let rows: Vec<_> = span
            .iter()
            .map(|day| {
                let tally = tally(day);
                [
                    Cell::plain(&day.to_string()),
                    number(tally.alerts),
                    number(tally.items),
                    shown_bar(tally.alerts, max, is_terminal),
                ]
            })
            .collect();
        show::columns(&["DAY", "ALERTS", " ITEMS", ""], &rows)
    }

    fn changed_day_table(
        &self,
        span: &[Date],
        difference: &Difference<'_>,
        is_terminal: bool,
    ) -> Vec<String> {
        let of_day = |set: usize, day: &Date| {
            let tally = self.sets.get(set).and_then(|set| set.summary.days.get(day));
            tally.map_or(0, |tally| tally.alerts)
        };
        let mut changed: BTreeMap<Date, (u64, u64)> = BTreeMap::new();
        for (opened, is_gained) in changes(Some(difference)) {
            let (gained, lost) = changed
                .entry(crate::backtest::day_of(opened.alert.item.seen))
                .or_default();
            *gained += u64::from(is_gained);
            *lost += u64::from(!is_gained);
        }
        let max = span.iter().map(|day| of_day(1, day)).max().unwrap_or(0);
        let rows: Vec<_> = span
            .iter()
            .map(|day| {
                let (gained, lost) = changed.get(day).copied().unwrap_or_default();
                [
                    Cell::plain(&day.to_string()),
                    number(of_day(0, day)),
                    number(of_day(1, day)),
                    coloured(gained, show::GOOD),
                    coloured(lost, show::BAD),
                    shown_bar(of_day(1, day), max, is_terminal),
                ]
            })
            .collect();
        show::columns(&["DAY", "BEFORE", " AFTER", "GAINED", "  LOST", ""], &rows)
    }
}

/// Alerts gained and lost, in the order of time.
fn changes<'a>(difference: Option<&Difference<'a>>) -> Vec<(&'a Opened, bool)> {
    let Some(difference) = difference else {
        return Vec::new();
    };
    let gained = difference.gained.iter().map(|opened| (*opened, true));
    let lost = difference.lost.iter().map(|opened| (*opened, false));
    let mut all: Vec<_> = gained.chain(lost).collect();
    all.sort_by_key(|(opened, is_gained)| (opened.alert.item.seen, opened.number, *is_gained));
    all
}

fn rule_table(rows: &[&Row<'_>], is_terminal: bool) -> Vec<String> {
    let row = |row: &&Row<'_>| {
        let tally = row.tallies.first().copied().flatten().unwrap_or_default();
        let from = row.days.len().saturating_sub(SPARKLINE_DAYS);
        let days = row.days.get(from..).unwrap_or_default();
        let small_bars = match is_terminal {
            true => sparkline(days.iter().copied()),
            false => String::new(),
        };
        [
            Cell::plain(&row.rule.id),
            severity(row.rule.severity),
            number(tally.alerts),
            number(tally.items),
            Cell::plain(&small_bars),
        ]
    };
    let by_day = if is_terminal { "ALERTS BY DAY" } else { "" };
    let rows: Vec<_> = rows.iter().map(row).collect();
    show::columns(&["RULE", "SEVERITY", "ALERTS", " ITEMS", by_day], &rows)
}

fn changed_rule_table(rows: &[&Row<'_>]) -> Vec<String> {
    let row = |row: &&Row<'_>| {
        let alerts = |set: usize| match row.tallies.get(set).copied().flatten() {
            Some(tally) => number(tally.alerts),
            None => Cell::plain("     -"),
        };
        [
            Cell::plain(&row.rule.id),
            severity(row.rule.severity),
            alerts(0),
            alerts(1),
            coloured(row.gained, show::GOOD),
            coloured(row.lost, show::BAD),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    show::columns(
        &["RULE", "SEVERITY", "BEFORE", " AFTER", "GAINED", "  LOST"],
        &rows,
    )
}

/// `+ 2024-12-06 14:02 high rebel-advance: Rebels surround Hama [rebels surround]`.
fn write_change(out: &mut impl Write, opened: &Opened, is_gained: bool) -> io::Result<()> {
    let alert = &opened.alert;
    let (sign, style) = match is_gained {
        true => ("+", show::GOOD),
        false => ("-", show::BAD),
    };
    let in_title: Vec<_> = alert
        .hits
        .iter()
        .filter(|hit| hit.field == Field::Title)
        .map(|hit| hit.start..hit.end)
        .collect();
    writeln!(
        out,
        "{style}{sign}{style:#} {} {} {}: {} [{}]",
        alert.item.seen.strftime("%Y-%m-%d %H:%M"),
        alert.severity.name(),
        alert.rule,
        show::marked(&alert.item.title, &in_title, show::MATCHED),
        words(&alert.hits)
    )
}

fn severity(severity: Severity) -> Cell {
    Cell {
        text: severity.name().to_owned(),
        style: show::severity_style(severity),
    }
}

/// As wide as the heads above numbers.
fn number(number: u64) -> Cell {
    Cell::plain(&format!("{number:>6}"))
}

fn coloured(count: u64, style: anstyle::Style) -> Cell {
    match count {
        0 => number(0),
        _ => Cell {
            style,
            ..number(count)
        },
    }
}

fn shown_bar(alerts: u64, max: u64, is_terminal: bool) -> Cell {
    match is_terminal {
        true => Cell::plain(&bar(alerts, max, BAR_WIDTH)),
        false => Cell::plain(""),
    }
}
