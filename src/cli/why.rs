//! `why`: what every rule finds in a text, or the first condition that failed; for an item that was seen, also what became
//! of it, from the poll to each delivery.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use anyhow::{Context, bail};
use globset::GlobMatcher;
use serde::Serialize;

use super::{
    Globals, explained,
    fate::{AlertFate, Fate, alert_lines},
    items, scan, show,
};
use crate::{
    config::Config,
    model::{Feed, Item},
    rule::{RuleExplanation, RuleSource},
    store::{AlertFilter, Store, StoreError},
    time::Clock,
};

/// Show what each rule finds in a text, or why it does not match
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Shows for every rule which terms matched where, or the first condition that failed. For the address of an \
        item that was seen, also what became of it: who saw it, what was decided, which alert it belongs to, how each delivery \
        stands. For the id of an alert, or its beginning: the items that it tells of, and how each delivery stands.",
    after_help = "Rules that do not match take one line; --all, or naming rules with --rule, shows their queries as well.\n\n\
        Examples:\n  wirewatch why 'Rebels close in on Homs'\n  \
        wirewatch why --rule rebel-advance 'Rebels talk about Homs'\n  \
        wirewatch why https://www.example.org/news/1\n  \
        wirewatch why 019a2052"
)]
pub struct Args {
    /// A text, as the title of an item; the address of an item that was seen; or the id of an alert
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
    } else if is_alert_id(text) && explain_alert(&args, &config, text, &mut out)? {
        // The text was an alert's id.
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
        let ids = found.iter().flat_map(|item| &item.judgements);
        let ids: BTreeSet<&String> = ids
            .filter_map(|judgement| judgement.alert.as_ref())
            .collect();
        let mut alerts = Vec::new();
        for id in ids {
            let filter = AlertFilter {
                id: Some(id.clone()),
                ..AlertFilter::default()
            };
            alerts.extend(runtime.block_on(store.alerts(filter))?);
        }
        // In the order in which they were opened.
        alerts.sort_by_key(|row| row.alert.timing.queued);
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

/// Whether a text looks like the id of an alert, or like enough of one.
fn is_alert_id(text: &str) -> bool {
    const LENGTH_MIN: usize = 8;
    let is_hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    text.len() >= LENGTH_MIN
        && text.chars().all(is_hex)
        && text.contains(|c: char| c.is_ascii_digit())
}

/// What an alert tells of and who was told; false where there is no such alert.
fn explain_alert(
    args: &Args,
    config: &Config,
    id: &str,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    /// Of a long story, the first.
    const ITEMS_MAX: usize = 50;
    let store = match Store::open_to_read(&config.store.path) {
        Ok(store) => store,
        Err(StoreError::Missing(_)) => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("cannot look up {id}")),
    };
    let runtime = super::runtime()?;
    let filter = AlertFilter {
        id: Some(id.to_lowercase()),
        ..AlertFilter::default()
    };
    let looked_up = (|| {
        let mut found = runtime.block_on(store.alerts(filter))?;
        let row = match found.len() {
            1 => found.pop(),
            _ => None,
        };
        let Some(row) = row else {
            return Ok((found, None));
        };
        let items = runtime.block_on(store.items_of(row.alert.id.clone(), ITEMS_MAX))?;
        Ok::<_, StoreError>((Vec::new(), Some((row, items))))
    })();
    let (others, found) = looked_up.with_context(|| format!("cannot look up {id}"))?;
    let Some((row, items)) = found else {
        if others.is_empty() {
            return Ok(false);
        }
        let ids: Vec<&str> = others
            .iter()
            .take(5)
            .map(|row| row.alert.id.as_str())
            .collect();
        bail!("several alerts begin with {id}: {}", ids.join(", "));
    };
    let written = if args.json {
        write_json(out, &AlertFate::of(&row, &items))
    } else {
        let lines = alert_lines(&row, &items, Clock::System.now());
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    };
    written.context("cannot write to stdout")?;
    Ok(true)
}

fn write_json(out: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, document)?;
    out.write_all(b"\n")
}
