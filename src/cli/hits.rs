//! Hits as they are printed: a paragraph on a terminal, a line into a pipe, an alert document for programs.

use std::{
    io::{self, Write},
    ops::Range,
};

use super::{input::Entry, show};
use crate::{
    judge::stable_id,
    model::{Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Field, Hit},
    rule::{RuleHits, RuleSet, RuleSource},
    time::Timestamp,
};

/// How hits are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// An item a paragraph, matched words in colour.
    Terminal,
    /// A match a line, as grep into a pipe.
    Lines,
    /// An alert document a line.
    Json,
    Quiet,
}

impl Layout {
    pub fn print(
        self,
        out: &mut impl Write,
        entry: &Entry,
        rules: &RuleSet,
        matches: &[RuleHits],
        now: Timestamp,
    ) -> io::Result<()> {
        if self == Layout::Terminal {
            print_paragraph(out, entry, rules, matches)?;
        }
        for matched in matches {
            let rule = &rules.rules()[matched.rule];
            match self {
                Layout::Lines => print_line(out, entry, rule, &matched.hits)?,
                Layout::Json => {
                    serde_json::to_writer(&mut *out, &alert(entry, rule, &matched.hits, now))?;
                    out.write_all(b"\n")?;
                }
                Layout::Terminal | Layout::Quiet => {}
            }
        }
        Ok(())
    }
}

/// `items.jsonl:17: high rebel-advance: Rebels surround Hama [rebels surround; encircling]`.
fn print_line(
    out: &mut impl Write,
    entry: &Entry,
    rule: &RuleSource,
    hits: &[Hit],
) -> io::Result<()> {
    let words: Vec<_> = hits.iter().map(|hit| show::safe(&hit.text)).collect();
    writeln!(
        out,
        "{}: {} {}: {} [{}]",
        show::safe(&entry.place.to_string()),
        rule.severity.name(),
        rule.id,
        show::safe(&entry.item.title),
        words.join("; ")
    )
}

/// The headline with every matched word, then each rule with what it found below the headline.
fn print_paragraph(
    out: &mut impl Write,
    entry: &Entry,
    rules: &RuleSet,
    matches: &[RuleHits],
) -> io::Result<()> {
    let item = &entry.item;
    let in_title: Vec<_> = matches
        .iter()
        .flat_map(|matched| spans(&matched.hits, Field::Title))
        .collect();
    let place = entry.place.to_string();
    let title = show::marked(&item.title, &in_title, show::MATCHED);
    writeln!(
        out,
        "{}{}{:#} {title}",
        show::PLACE,
        show::safe(&place),
        show::PLACE
    )?;
    for matched in matches {
        let rule = &rules.rules()[matched.rule];
        let style = show::severity_style(rule.severity);
        writeln!(
            out,
            "  {style}{:8}{style:#} {}  {}{}{:#}",
            rule.severity.name(),
            rule.id,
            show::DIM,
            rule.title,
            show::DIM
        )?;
        for (field, text) in [
            (Field::Summary, &item.summary),
            (Field::Content, &item.content),
        ] {
            let spans = spans(&matched.hits, field);
            if spans.is_empty() {
                continue;
            }
            for excerpt in show::excerpts(text, &spans, show::MATCHED) {
                writeln!(out, "           {excerpt}")?;
            }
        }
        let elsewhere = matched
            .hits
            .iter()
            .filter(|hit| !matches!(hit.field, Field::Title | Field::Summary | Field::Content));
        for hit in elsewhere {
            let text = show::safe(&hit.text);
            writeln!(
                out,
                "           {:?}: {}{text}{:#}",
                hit.field,
                show::MATCHED,
                show::MATCHED
            )?;
        }
    }
    let from = [item.source.as_str(), item.url.as_str()];
    let published = item
        .published
        .map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    let from: Vec<_> = from
        .into_iter()
        .chain(published.as_deref())
        .filter(|text| !text.is_empty())
        .collect();
    if !from.is_empty() {
        writeln!(
            out,
            "  {}{}{:#}",
            show::DIM,
            show::safe(&from.join(" · ")),
            show::DIM
        )?;
    }
    writeln!(out)
}

fn spans(hits: &[Hit], field: Field) -> Vec<Range<usize>> {
    hits.iter()
        .filter(|hit| hit.field == field)
        .map(|hit| hit.start..hit.end)
        .collect()
}

/// The alert that the daemon would begin with, had it seen this item now and nothing before.
fn alert(entry: &Entry, rule: &RuleSource, hits: &[Hit], now: Timestamp) -> Alert {
    let item = &entry.item;
    let publisher = if entry.feed.publisher.is_empty() {
        &item.source
    } else {
        &entry.feed.publisher
    };
    // The same item and rule get the same id in every scan, so that two runs can be compared.
    let id = stable_id(
        item.published.unwrap_or(Timestamp::UNIX_EPOCH),
        &[&rule.id, &item.id],
    );
    Alert {
        version: 1,
        revision: 1,
        status: AlertStatus::Firing,
        rule: rule.id.clone(),
        title: rule.title.clone(),
        severity: rule.severity,
        tags: rule.tags.clone(),
        drill: false,
        item: AlertItem {
            id: item.id.clone(),
            feed: entry.feed.name.clone(),
            publisher: publisher.clone(),
            title: item.title.clone(),
            url: item.url.clone(),
            summary: item.summary.clone(),
            lang: item.lang.clone(),
            published: item.published,
            seen: now,
        },
        hits: hits.to_vec(),
        story: AlertStory {
            id: stable_id(item.published.unwrap_or(Timestamp::UNIX_EPOCH), &[&item.id]),
            items: 1,
            publishers: if publisher.is_empty() {
                Vec::new()
            } else {
                vec![publisher.clone()]
            },
            origins: 1,
        },
        timing: AlertTiming {
            published: item.published,
            seen: now,
            matched: now,
            queued: now,
        },
        id,
    }
}
