//! `terms`: the words that tell the items of a class from the rest: where new words for a rule come from.
//!
//! Log-odds with a prior drawn from all items (Monroe, Colaresi and Quinn, "Fightin' Words", 2008), as z scores: a word
//! that is rare everywhere proves little, and the prior says how little. Each item counts a word once.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io::{BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::bail;
use globset::GlobMatcher;
use serde_json::json;

use super::{
    EXIT_ERROR, Globals, complain,
    labelled::{self, Labelled, class_of},
    scan,
    show::{self, Cell},
};
use crate::{model::Item, text::words::words};

/// How many items' worth of words the prior weighs.
const PRIOR_ITEMS: f64 = 10.0;

/// Below it, a word says nothing.
const Z_MIN: f64 = 1.0;

/// Find words that are over-represented in labelled, matched or missed items
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Finds the words and pairs of words that tell the items of a class from the rest of a file.\n\n\
        FILE is a file of items as `eval` reads it. Without labels, use --matched: then the class is what the rules \
        found. With --missed, what the rules should have found and did not: the words to think about.",
    after_help = "Examples:\n  \
        wirewatch terms labelled.jsonl --class displacement\n  \
        wirewatch terms labelled.jsonl --missed\n  \
        wirewatch terms archive.jsonl --matched --class airstrike --lang ar"
)]
pub struct Args {
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    /// Only classes whose name matches; may be given more than once
    #[arg(long = "class", value_name = "GLOB", value_parser = scan::parse_glob)]
    classes: Vec<GlobMatcher>,
    /// Compare what the rules matched, instead of what is labelled, with the rest
    #[arg(long, conflicts_with = "missed")]
    matched: bool,
    /// Compare what is labelled but no rule of the class matched with the items that are not labelled so
    #[arg(long)]
    missed: bool,
    /// Only items in this language, such as ar
    #[arg(long, value_name = "LANG", value_parser = scan::parse_lang)]
    lang: Option<String>,
    /// How many words of a class are shown
    #[arg(long, value_name = "N", default_value_t = 25)]
    top: usize,
    /// Only words that stand in so many items of the class
    #[arg(long, value_name = "N", default_value_t = 2)]
    at_least: u32,
    /// One JSON document a line and word
    #[arg(long)]
    json: bool,
}

/// A word, or two side by side, with the items it stands in.
#[derive(Debug, PartialEq)]
struct Term {
    text: String,
    inside: u32,
    outside: u32,
    /// Standard deviations above what chance explains.
    z: f64,
}

pub fn run(args: &Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = super::load(globals)?;
    let rules = &config.rules;
    let file = labelled::read(&args.file, rules, &config.feeds)?;
    let wants_lang = |item: &&Labelled| args.lang.as_ref().is_none_or(|lang| *lang == item.lang);
    let items: Vec<&Labelled> = file.items.iter().filter(wants_lang).collect();
    let labels: BTreeSet<String> = items
        .iter()
        .filter_map(|item| item.labels.clone())
        .flatten()
        .collect();
    if labels.is_empty() && !args.matched {
        bail!(
            "no item of {} has a label: with --matched, what the rules match is compared with the rest",
            args.file.display()
        );
    }
    let classes: BTreeSet<String> = match args.matched {
        true => rules.rules().iter().map(class_of).collect(),
        false => labels,
    };
    let is_wanted = |class: &&String| {
        args.classes.is_empty() || args.classes.iter().any(|glob| glob.is_match(class))
    };
    file.problems.iter().for_each(|problem| complain(problem));
    let mut out = BufWriter::new(anstream::stdout().lock());
    for class in classes.iter().filter(is_wanted) {
        let side = |item: &Labelled| match (args.matched, args.missed) {
            (true, _) => Some(item.is_found(rules, class)),
            // What was found is no question any more.
            (_, true) if item.is_labelled(class) => (!item.is_found(rules, class)).then_some(true),
            _ => Some(item.is_labelled(class)),
        };
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for item in &items {
            match side(item) {
                Some(true) => inside.push(&item.item),
                Some(false) => outside.push(&item.item),
                None => {}
            }
        }
        let mut terms = over_represented(&inside, &outside, args.at_least);
        terms.truncate(args.top);
        match args.json {
            true => write_json(&mut out, class, &terms)?,
            false => write_table(&mut out, class, [inside.len(), outside.len()], &terms)?,
        }
    }
    out.flush()?;
    Ok(match file.problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_ERROR),
    })
}

fn write_json(out: &mut impl Write, class: &str, terms: &[Term]) -> anyhow::Result<()> {
    for term in terms {
        writeln!(
            out,
            "{}",
            json!({"class": class, "term": term.text, "inside": term.inside, "outside": term.outside, "z": term.z})
        )?;
    }
    Ok(())
}

fn write_table(
    out: &mut impl Write,
    class: &str,
    items: [usize; 2],
    terms: &[Term],
) -> anyhow::Result<()> {
    let [inside, outside] = items.map(|items| show::count(items as u64, "item", "items"));
    writeln!(out, "{class}: {inside} against {outside}")?;
    let rows: Vec<_> = terms
        .iter()
        .map(|term| {
            [
                Cell::plain(&format!("{:.1}", term.z)),
                Cell::plain(&term.inside.to_string()),
                Cell::plain(&term.outside.to_string()),
                Cell::plain(&term.text),
            ]
        })
        .collect();
    if !rows.is_empty() {
        for line in show::columns(&["z", "inside", "outside", "words"], &rows) {
            writeln!(out, "  {line}")?;
        }
    }
    writeln!(out)?;
    Ok(())
}

/// The terms that stand in the items inside more than chance explains, the surest first.
fn over_represented(inside: &[&Item], outside: &[&Item], at_least: u32) -> Vec<Term> {
    let mut counts: HashMap<String, [u32; 2]> = HashMap::new();
    for (side, items) in [inside, outside].into_iter().enumerate() {
        for item in items {
            for term in terms_of(item) {
                counts.entry(term).or_default()[side] += 1;
            }
        }
    }
    let sizes = [inside.len() as f64, outside.len() as f64];
    let mut terms: Vec<Term> = counts
        .into_iter()
        .filter(|(_, [inside, _])| *inside >= at_least)
        .map(|(text, [inside, outside])| Term {
            z: z_score([inside, outside].map(f64::from), sizes),
            text,
            inside,
            outside,
        })
        .filter(|term| term.z >= Z_MIN)
        .collect();
    terms.sort_by(|left, right| {
        right
            .z
            .total_cmp(&left.z)
            .then_with(|| left.text.cmp(&right.text))
    });
    terms
}

/// How far apart the odds of the term are inside and outside, in standard deviations.
fn z_score(with: [f64; 2], items: [f64; 2]) -> f64 {
    let prior = PRIOR_ITEMS * (with[0] + with[1]) / (items[0] + items[1]).max(1.0);
    let log_odds = |side: usize| {
        let has = with[side] + prior;
        let lacks = items[side] + PRIOR_ITEMS - has;
        (has / lacks.max(0.5)).ln()
    };
    let variance = 1.0 / (with[0] + prior) + 1.0 / (with[1] + prior);
    (log_odds(0) - log_odds(1)) / variance.sqrt()
}

/// The words of an item and its pairs of neighbours, each once, in lower case.
fn terms_of(item: &Item) -> HashSet<String> {
    let mut terms = HashSet::new();
    for text in [&item.title, &item.summary] {
        let mut before: Option<String> = None;
        for range in words(text) {
            let word = text.get(range).unwrap_or_default().to_lowercase();
            let is_word = word.chars().count() > 1 && word.chars().any(char::is_alphabetic);
            let Some(word) = is_word.then_some(word) else {
                before = None;
                continue;
            };
            if let Some(before) = before {
                terms.insert(format!("{before} {word}"));
            }
            terms.insert(word.clone());
            before = Some(word);
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(title: &str) -> Item {
        Item {
            title: title.to_owned(),
            ..Item::default()
        }
    }

    #[test]
    fn words_of_the_class_come_first() {
        let inside = [
            "Troops flee the town",
            "Families flee the front",
            "Villagers flee",
        ]
        .map(item);
        let outside = [
            "The bank cuts the rate",
            "The team wins the cup",
            "The film opens",
        ]
        .map(item);
        let terms = over_represented(&inside.each_ref(), &outside.each_ref(), 2);
        let texts: Vec<&str> = terms.iter().map(|term| term.text.as_str()).collect();
        assert_eq!(texts, ["flee", "flee the"]);
        assert_eq!((terms[0].inside, terms[0].outside), (3, 0));
    }

    #[test]
    fn a_word_counts_once_an_item_and_pairs_end_at_a_number() {
        let mut terms: Vec<String> = terms_of(&item("War, war: 12 die")).into_iter().collect();
        terms.sort();
        assert_eq!(terms, ["die", "war", "war war"]);
    }

    #[test]
    fn no_item_on_one_side_is_no_trouble() {
        let only = item("Rebels advance");
        assert!(over_represented(&[], &[&only], 1).is_empty());
        for term in over_represented(&[&only], &[], 1) {
            assert!(term.z.is_finite(), "{term:?}");
        }
    }
}
