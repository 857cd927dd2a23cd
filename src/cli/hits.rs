//! Hits as they are printed: a paragraph on a terminal, a line into a pipe, an alert document for programs.

use std::{
    io::{self, Write},
    ops::Range,
};

use anstyle::Style;

use super::{input::Entry, show};
use crate::{
    judge::stable_id,
    model::{Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Field, Hit},
    rule::{RuleHits, RuleSet, RuleSource},
    time::Timestamp,
};

/// The most excerpts of one field under one rule.
const EXCERPTS_MAX: usize = 3;

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

/// `items.jsonl:17: high rebel-advance: Rebels surround Hama [rebels surround; encircling]`; of a text by itself not the
/// title but the passage that says most.
fn print_line(
    out: &mut impl Write,
    entry: &Entry,
    rule: &RuleSource,
    hits: &[Hit],
) -> io::Result<()> {
    let item = &entry.item;
    let mut line = show::safe(&item.title).into_owned();
    let longest = hits.iter().max_by_key(|hit| hit.end - hit.start);
    if let Some(hit) = longest.filter(|_| entry.is_document) {
        let text = if hit.field == Field::Title {
            &item.title
        } else {
            &item.content
        };
        let span = hit.start..hit.end;
        line = show::excerpts(text, std::slice::from_ref(&span), Style::new(), 1).concat();
    }
    writeln!(
        out,
        "{}: {} {}: {line} [{}]",
        show::safe(&entry.place.to_string()),
        rule.severity.name(),
        rule.id,
        words(hits)
    )
}

/// The matched words, each once and in their order, without those that stand inside others; of many the longest.
pub(super) fn words(hits: &[Hit]) -> String {
    const WORDS_MAX: usize = 8;
    let contains = |outer: &Hit, inner: &Hit| {
        outer.field == inner.field
            && outer.start <= inner.start
            && outer.end >= inner.end
            && outer.end - outer.start > inner.end - inner.start
    };
    let outermost = hits
        .iter()
        .filter(|hit| !hits.iter().any(|other| contains(other, hit)));
    let mut words: Vec<String> = Vec::new();
    for hit in outermost {
        let word = show::safe(&hit.text).into_owned();
        if !words
            .iter()
            .any(|known| known.to_lowercase() == word.to_lowercase())
        {
            words.push(word);
        }
    }
    let left_out = words.len() > WORDS_MAX;
    if left_out {
        let mut lengths: Vec<_> = words.iter().map(|word| word.chars().count()).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let shortest = lengths[WORDS_MAX - 1];
        words.retain(|word| word.chars().count() >= shortest);
        words.truncate(WORDS_MAX);
    }
    words.join("; ") + if left_out { "; …" } else { "" }
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
    let title = match entry.is_document {
        // Its first line may be a whole paragraph.
        true => show::excerpts(&item.title, &in_title, show::MATCHED, 1).concat(),
        false => show::marked(&item.title, &in_title, show::MATCHED),
    };
    let (place, style) = (entry.place.to_string(), show::PLACE);
    writeln!(out, "{style}{}{style:#} {title}", show::safe(&place))?;
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
            for excerpt in show::excerpts(text, &spans, show::MATCHED, EXCERPTS_MAX) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matched_words_are_few_and_say_most() {
        let hit = |start: usize, text: &str| Hit {
            field: Field::Content,
            start,
            end: start + text.chars().count(),
            text: text.to_owned(),
            query: String::new(),
        };
        let many: Vec<_> = (1..=12).map(|n| hit(n * 100, &"x".repeat(n))).collect();
        let longest: Vec<_> = (5..=12).map(|n| "x".repeat(n)).collect();
        for (hits, shown) in [
            (vec![], String::new()),
            (
                vec![
                    hit(0, "rebels advance"),
                    hit(0, "rebels"),
                    hit(7, "advance"),
                ],
                "rebels advance".to_owned(),
            ),
            (
                vec![hit(0, "Rebels"), hit(50, "rebels"), hit(90, "Homs")],
                "Rebels; Homs".to_owned(),
            ),
            (vec![hit(0, "Homs"), hit(0, "Homs")], "Homs".to_owned()),
            (vec![hit(0, "a\u{1b}b")], "a b".to_owned()),
            (many, longest.join("; ") + "; …"),
        ] {
            assert_eq!(words(&hits), shown);
        }
    }
}
