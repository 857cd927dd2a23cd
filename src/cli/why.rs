//! `why`: what every rule finds in a text, or the first condition that failed; for an item that was seen, also what became
//! of it, from the poll to each delivery.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use anyhow::{Context, bail};
use globset::GlobMatcher;
use serde::Serialize;

use super::{Globals, alerts, explained, items, scan, show};
use crate::{
    config::Config,
    judge::Reason,
    model::{Feed, Item},
    rule::{RuleExplanation, RuleSource},
    store::{AlertFilter, AlertRow, ArchivedItem, EditRow, JudgementRow, Store},
    time::{Clock, Timestamp, rfc3339},
};

/// Show what each rule finds in a text, or why it does not match
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Shows for every rule which terms matched where, or the first condition that failed. For the address of an \
        item that was seen, also what became of it: who saw it, what was decided, which alert it belongs to, how each delivery stands.",
    after_help = "Rules that do not match take one line; --all, or naming rules with --rule, shows their queries as well.\n\n\
        Examples:\n  wirewatch why 'Rebels close in on Homs'\n  \
        wirewatch why --rule rebel-advance 'Rebels talk about Homs'\n  \
        wirewatch why https://www.example.org/news/1"
)]
pub struct Args {
    /// A text, as the title of an item, or the address of an item that was seen
    #[arg(value_name = "TEXT-OR-URL")]
    text: String,
    /// Only rules whose id matches, in full
    #[arg(long = "rule", value_name = "GLOB", value_parser = scan::parse_glob)]
    rules: Vec<GlobMatcher>,
    /// Show the queries of rules that do not match, too
    #[arg(long)]
    all: bool,
    /// The language of the text, such as ar; else it is detected
    #[arg(long, value_name = "LANG", value_parser = scan::parse_lang)]
    lang: Option<String>,
    /// One JSON object a rule, complete
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = super::load(globals)?;
    scan::require_a_rule(&args.rules, &config.rules)?;
    let text = args.text.trim();
    if text.is_empty() {
        bail!("there is no text to explain: write it after `why`, in quotes");
    }
    let mut out = anstream::AutoStream::auto(io::stdout().lock());
    let has_address = (text.starts_with("https://") || text.starts_with("http://"))
        && !text.contains(char::is_whitespace);
    if has_address {
        explain_address(&args, &config, text, &mut out)?;
    } else {
        let item = Item {
            id: "text".to_owned(),
            title: items::clean(text),
            lang: args.lang.clone(),
            ..Item::default()
        };
        explain(&args, &config, &Feed::named("text"), &item, &mut out)
            .context("cannot write to stdout")?;
    }
    out.flush().context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

/// What the rules of today make of an item.
fn explain(
    args: &Args,
    config: &Config,
    feed: &Feed,
    item: &Item,
    out: &mut impl Write,
) -> io::Result<()> {
    let is_wanted =
        |id: &str| args.rules.is_empty() || args.rules.iter().any(|rule| rule.is_match(id));
    let explanations: Vec<(&RuleSource, RuleExplanation)> = config
        .rules
        .rules()
        .iter()
        .zip(config.rules.explain(feed, item))
        .filter(|(rule, _)| is_wanted(&rule.id))
        .collect();
    if args.json {
        for (_, explanation) in &explanations {
            write_json(out, explanation)?;
        }
        return Ok(());
    }
    let is_full = args.all || !args.rules.is_empty();
    // What matched comes last, where the reader of a long list ends up.
    for matched in [false, true] {
        for (rule, explanation) in &explanations {
            if explanation.matched == matched {
                for line in explained::rule(rule, explanation, is_full) {
                    writeln!(out, "{line}")?;
                }
            }
        }
    }
    out.flush()?;
    if io::stderr().is_terminal() || explanations.is_empty() {
        super::tell(&summary(&explanations));
    }
    Ok(())
}

/// `2 of 11 rules match; read as en (detected)`.
fn summary(explanations: &[(&RuleSource, RuleExplanation)]) -> String {
    let Some((_, first)) = explanations.first() else {
        return "there are no rules".to_owned();
    };
    let matching = explanations
        .iter()
        .filter(|(_, explanation)| explanation.matched)
        .count();
    let lang = match (first.lang.as_str(), first.lang_declared) {
        ("", _) => "in no language that is known".to_owned(),
        (lang, true) => format!("as {lang} (declared)"),
        (lang, false) => format!("as {lang} (detected)"),
    };
    format!(
        "{matching} of {} match; read {lang}",
        show::count(explanations.len() as u64, "rule", "rules")
    )
}

/// What became of the items at an address, and what the rules of today make of them.
fn explain_address(
    args: &Args,
    config: &Config,
    url: &str,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let runtime = super::runtime()?;
    let (found, alerts) = (|| {
        let store = Store::open_to_read(&config.store.path)?;
        let found = runtime.block_on(store.items_at(url.to_owned()))?;
        let first_seen = found.iter().map(|item| item.seen).min();
        let filter = AlertFilter {
            since: first_seen,
            ..AlertFilter::default()
        };
        let alerts = match found.is_empty() {
            true => Vec::new(),
            false => runtime.block_on(store.alerts(filter))?,
        };
        Ok::<_, crate::store::StoreError>((found, alerts))
    })()
    .with_context(|| format!("cannot look up {url}"))?;
    if found.is_empty() {
        bail!(
            "no feed has brought an item with the address {url}: it was not published in a feed that is watched, is spelt \
             otherwise there, or is older than the archive. If it is a feed, try `wirewatch scan`"
        );
    }
    let now = Clock::System.now();
    for archived in &found {
        let feed = config.feeds.iter().find(|feed| feed.name == archived.feed);
        let named = Feed::named(&archived.feed);
        let feed = feed.map_or(&named, |feed| feed);
        let fate = Fate::of(archived, &alerts);
        let written = if args.json {
            write_json(out, &fate)
        } else {
            fate.lines(now)
                .iter()
                .try_for_each(|line| writeln!(out, "{line}"))
        };
        written
            .and_then(|()| explain(args, config, feed, &archived.item, out))
            .context("cannot write to stdout")?;
    }
    Ok(())
}

/// What became of one item.
#[derive(Serialize)]
struct Fate<'a> {
    item: SeenItem<'a>,
    /// What it said before, oldest first.
    edits: &'a [EditRow],
    judgements: &'a [JudgementRow],
    alerts: Vec<&'a AlertRow>,
}

#[derive(Serialize)]
struct SeenItem<'a> {
    id: &'a str,
    feed: &'a str,
    title: &'a str,
    summary: &'a str,
    url: &'a str,
    lang: Option<&'a str>,
    published: Option<String>,
    seen: String,
}

impl<'a> Fate<'a> {
    fn of(archived: &'a ArchivedItem, alerts: &'a [AlertRow]) -> Fate<'a> {
        let item = &archived.item;
        let belongs = |row: &&AlertRow| {
            archived
                .judgements
                .iter()
                .any(|judgement| judgement.alert.as_ref() == Some(&row.alert.id))
        };
        Fate {
            item: SeenItem {
                id: &item.id,
                feed: &archived.feed,
                title: &item.title,
                summary: &item.summary,
                url: &item.url,
                lang: item.lang.as_deref(),
                published: item.published.map(rfc3339),
                seen: rfc3339(archived.seen),
            },
            edits: &archived.edits,
            judgements: &archived.judgements,
            alerts: alerts.iter().filter(belongs).collect(),
        }
    }

    /// One line a stage.
    fn lines(&self, now: Timestamp) -> Vec<String> {
        let stage = |name: &str, text: &str| {
            format!("{}{name:9}{:#} {}", show::DIM, show::DIM, show::safe(text))
        };
        let mut lines = vec![stage("title", self.item.title)];
        if let Some(published) = &self.item.published {
            lines.push(stage("published", published));
        }
        lines.push(stage(
            "seen",
            &format!("{} in {}", self.item.seen, self.item.feed),
        ));
        for (at, edit) in self.edits.iter().enumerate() {
            // What it said next: before the next edit, or now.
            let next = self.edits.get(at + 1);
            let now_title = next.map_or(self.item.title, |next| next.title.as_str());
            let now_summary = next.map_or(self.item.summary, |next| next.summary.as_str());
            lines.push(stage("edited", &rfc3339(edit.edited)));
            for (was, is) in [
                (edit.title.as_str(), now_title),
                (edit.summary.as_str(), now_summary),
            ] {
                if was != is {
                    lines.push(stage("", &format!("- {}", shortened(was))));
                    lines.push(stage("", &format!("+ {}", shortened(is))));
                }
            }
        }
        if self.judgements.is_empty() {
            lines.push(stage("judged", "no rule matched when it was seen"));
        }
        for judgement in self.judgements {
            let alert = match &judgement.alert {
                Some(alert) => format!(", alert {alert}"),
                None => ", no alert".to_owned(),
            };
            let reason = meaning(&judgement.reason);
            lines.push(stage(
                "judged",
                &format!("{}: {reason}{alert}", judgement.rule),
            ));
        }
        for row in &self.alerts {
            lines.push(stage("alert", &told_by(row)));
            for delivery in &row.deliveries {
                lines.push(stage("delivery", &alerts::standing(delivery, now)));
            }
            if row.deliveries.is_empty() {
                lines.push(stage(
                    "delivery",
                    &format!("{}: no receiver wants it", row.alert.rule),
                ));
            }
        }
        lines
    }
}

/// `0197…, revision 2 of rebel-advance, high: 3 items of bbc, cnn, 2 independent texts`.
fn told_by(row: &AlertRow) -> String {
    let (alert, story) = (&row.alert, &row.alert.story);
    let items = show::count(u64::from(story.items), "item", "items");
    let texts = show::count(u64::from(story.origins), "text", "texts");
    format!(
        "{}, revision {} of {}, {}: {items} in {texts} from {}",
        alert.id,
        alert.revision,
        alert.rule,
        alert.severity.name(),
        story.publishers.join(", ")
    )
}

/// As much of a text as one line shows.
fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 160;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or("")),
        None => text.to_owned(),
    }
}

/// A reason's name, and what it means.
fn meaning(name: &str) -> String {
    match Reason::parse(name) {
        Some(reason) => format!("{name} ({})", reason.meaning()),
        None => name.to_owned(),
    }
}

fn write_json(out: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, document)?;
    out.write_all(b"\n")
}
