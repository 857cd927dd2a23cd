//! `eval`: how good the rules are, measured on items that a person has labelled.
//!
//! The tool for tuning: the figures first, then every false alarm with the words that matched and every miss with what
//! came closest. The same engine as the daemon's, item by item; nothing is recorded.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::bail;
use globset::GlobMatcher;
use serde_json::json;

use super::{
    EXIT_ERROR, Globals, complain,
    labelled::{self, Labelled, LabelledFile, class_of},
    scan,
    scores::{Figure, Scores, Tally, share},
    show::{self, Cell},
};
use crate::rule::{RuleHits, RuleSet};

/// Measure the rules on labelled items: precision, recall, F1, false alarms and misses
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Measures the rules on items that a person has labelled.\n\n\
        FILE holds one JSON object a line: an item (title, and if you like summary, lang, …) with \"labels\", a list of \
        classes, empty for an item that no rule should find. A rule's class is its first tag; `_` and `-` are the same. \
        An item with \"borderline\": true counts, and a second figure leaves it out. Lines without labels are left alone.\n\n\
        The macro F1 is the mean over the classes that occur as labels.",
    after_help = "Examples:\n  \
        wirewatch eval labelled.jsonl\n  \
        wirewatch eval labelled.jsonl --by rule\n  \
        wirewatch eval labelled.jsonl --class airstrike --lang en --limit 100"
)]
pub struct Args {
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    /// What a row of the table stands for
    #[arg(long, value_enum, default_value_t = By::Class)]
    by: By,
    /// Only classes whose name matches; may be given more than once
    #[arg(long = "class", value_name = "GLOB", value_parser = scan::parse_glob)]
    classes: Vec<GlobMatcher>,
    /// Only items in this language, such as ar
    #[arg(long, value_name = "LANG", value_parser = scan::parse_lang)]
    lang: Option<String>,
    /// The most false alarms and the most misses that are shown
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// One JSON document a line: scores, the macro, each false alarm, each miss
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Class,
    Rule,
    Lang,
}

/// The items that count and the classes that are asked about.
struct Evaluation<'a> {
    rules: &'a RuleSet,
    items: Vec<&'a Labelled>,
    classes: BTreeSet<String>,
}

pub fn run(args: &Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = super::load(globals)?;
    let file = labelled::read(&args.file, &config.rules, &config.feeds)?;
    let evaluation = Evaluation::new(&config.rules, &file, args)?;
    file.problems.iter().for_each(|problem| complain(problem));
    let mut out = BufWriter::new(anstream::stdout().lock());
    match args.json {
        true => evaluation.write_json(&mut out, args)?,
        false => evaluation.write(&mut out, args)?,
    }
    out.flush()?;
    Ok(match file.problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_ERROR),
    })
}

impl<'a> Evaluation<'a> {
    fn new(rules: &'a RuleSet, file: &'a LabelledFile, args: &Args) -> anyhow::Result<Self> {
        let wants_lang =
            |item: &&Labelled| args.lang.as_ref().is_none_or(|lang| *lang == item.lang);
        let items = file.items.iter().filter(wants_lang);
        let items: Vec<&Labelled> = items.filter(|item| item.labels.is_some()).collect();
        if items.is_empty() {
            bail!(
                "{} has no labelled items to measure on: each line needs \"labels\", a list of classes (empty for none)",
                file.path.display()
            );
        }
        let labels = items
            .iter()
            .filter_map(|item| item.labels.clone())
            .flatten();
        let mut classes: BTreeSet<String> =
            rules.rules().iter().map(class_of).chain(labels).collect();
        if !args.classes.is_empty() {
            classes.retain(|class| args.classes.iter().any(|glob| glob.is_match(class)));
        }
        if classes.is_empty() {
            bail!("no label and no rule has such a class");
        }
        Ok(Evaluation {
            rules,
            items,
            classes,
        })
    }

    fn all(&self) -> impl Iterator<Item = &'a Labelled> {
        self.items.iter().copied()
    }

    /// The items on which two readers would agree.
    fn sure(&self) -> impl Iterator<Item = &'a Labelled> {
        self.all().filter(|item| !item.is_borderline)
    }

    fn scores(&self, items: impl Iterator<Item = &'a Labelled>) -> Scores {
        Scores::of(items, &self.classes, self.rules)
    }

    fn langs(&self) -> BTreeSet<&'a str> {
        self.all().map(|item| item.lang.as_str()).collect()
    }

    /// The rules' hits of the class on an item.
    fn hits(&self, item: &'a Labelled, class: &str) -> impl Iterator<Item = &'a RuleHits> {
        let of_class = move |hits: &&RuleHits| class_of(&self.rules.rules()[hits.rule]) == class;
        item.hits.iter().filter(of_class)
    }

    /// Items that a rule found for a class they do not have, with the class.
    fn false_alarms(&self) -> Vec<(&str, &'a Labelled)> {
        self.wrong(|is_labelled, is_found| is_found && !is_labelled)
    }

    fn misses(&self) -> Vec<(&str, &'a Labelled)> {
        self.wrong(|is_labelled, is_found| is_labelled && !is_found)
    }

    fn wrong(&self, is_wrong: impl Fn(bool, bool) -> bool) -> Vec<(&str, &'a Labelled)> {
        let mut wrong = Vec::new();
        for class in &self.classes {
            for item in self.all() {
                if is_wrong(item.is_labelled(class), item.is_found(self.rules, class)) {
                    wrong.push((class.as_str(), item));
                }
            }
        }
        wrong
    }

    /// For each rule of the class, what kept it from the item.
    fn reasons(&self, item: &Labelled, class: &str) -> Vec<(String, String)> {
        let explained = self.rules.explain(&item.feed, &item.item);
        self.rules
            .rules()
            .iter()
            .zip(explained)
            .filter(|(rule, _)| class_of(rule) == class)
            .filter_map(|(rule, why)| Some((rule.id.clone(), why.failed?)))
            .collect()
    }

    /// How many items without any label raised an alert, and how many there are.
    fn quiet_items(&self) -> (u64, u64) {
        let quiet = |item: &&Labelled| item.labels.as_ref().is_some_and(BTreeSet::is_empty);
        let alarmed = |item: &&Labelled| {
            let found = |class: &String| item.is_found(self.rules, class);
            self.classes.iter().any(found)
        };
        let quiet: Vec<&Labelled> = self.all().filter(quiet).collect();
        let alarms = quiet.iter().filter(|item| alarmed(item)).count();
        (alarms as u64, quiet.len() as u64)
    }

    fn write(&self, out: &mut impl Write, args: &Args) -> anyhow::Result<()> {
        let (all, sure) = (self.scores(self.all()), self.scores(self.sure()));
        let lines = match args.by {
            By::Class => class_table(&all, &sure),
            By::Rule => self.rule_table(),
            By::Lang => self.lang_table(),
        };
        for line in lines {
            writeln!(out, "{line}")?;
        }
        let (alarms, quiet) = self.quiet_items();
        let count = |number: usize| show::count(number as u64, "item", "items");
        writeln!(
            out,
            "\nmacro F1 {} on {}; {} on the {} that are not borderline",
            Figure(all.macro_f1()),
            count(self.items.len()),
            Figure(sure.macro_f1()),
            count(self.sure().count()),
        )?;
        writeln!(
            out,
            "{} of {} without a label raised an alert",
            alarms,
            show::count(quiet, "item", "items")
        )?;
        self.write_errors(out, args)
    }

    fn write_errors(&self, out: &mut impl Write, args: &Args) -> anyhow::Result<()> {
        let false_alarms = self.false_alarms();
        heading(out, "False alarms", false_alarms.len(), args.limit)?;
        for (class, item) in false_alarms.into_iter().take(args.limit) {
            self.write_item(out, class, item)?;
            for matched in self.hits(item, class) {
                let words = matched.hits.iter().map(|hit| {
                    let (text, query) = (show::safe(&hit.text), show::safe(&hit.query));
                    match text.eq_ignore_ascii_case(&query) {
                        true => text.into_owned(),
                        false => format!("{text} ({query})"),
                    }
                });
                let words: Vec<String> = words.collect();
                let rule = &self.rules.rules()[matched.rule].id;
                writeln!(out, "      {rule}: {}", words.join("; "))?;
            }
        }
        let misses = self.misses();
        heading(out, "Missed", misses.len(), args.limit)?;
        for (class, item) in misses.into_iter().take(args.limit) {
            self.write_item(out, class, item)?;
            for (rule, reason) in self.reasons(item, class) {
                writeln!(out, "      {rule}: {}", show::safe(&reason))?;
            }
        }
        Ok(())
    }

    fn write_item(&self, out: &mut impl Write, class: &str, item: &Labelled) -> anyhow::Result<()> {
        let place = show::PLACE;
        let labels: Vec<&str> = item.labels.iter().flatten().map(String::as_str).collect();
        let labels = match labels.is_empty() {
            true => "none".to_owned(),
            false => labels.join(", "),
        };
        let borderline = if item.is_borderline {
            ", borderline"
        } else {
            ""
        };
        writeln!(
            out,
            "  {class}  {place}line {}{place:#} [{labels}{borderline}]  {}",
            item.line,
            show::safe(&item.item.title)
        )?;
        Ok(())
    }

    /// A rule a row: what it found, how much of it no other rule of its class found, and what its items were labelled.
    fn rule_table(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for (index, rule) in self.rules.rules().iter().enumerate() {
            let class = class_of(rule);
            if !self.classes.contains(&class) {
                continue;
            }
            let mut labels: BTreeMap<&str, u32> = BTreeMap::new();
            let (mut found, mut right, mut alone) = (0, 0, 0);
            for item in self.all() {
                if !item.hits.iter().any(|matched| matched.rule == index) {
                    continue;
                }
                found += 1;
                right += u32::from(item.is_labelled(&class));
                let is_alone = self.hits(item, &class).count() == 1;
                alone += u32::from(item.is_labelled(&class) && is_alone);
                let own = item.labels.iter().flatten().map(String::as_str);
                let own: Vec<&str> = own.collect();
                let own = if own.is_empty() { vec!["none"] } else { own };
                for label in own {
                    *labels.entry(label).or_default() += 1;
                }
            }
            let mut labels: Vec<(&str, u32)> = labels.into_iter().collect();
            labels.sort_by_key(|(label, count)| (std::cmp::Reverse(*count), *label));
            let labels: Vec<String> = labels
                .iter()
                .map(|(label, count)| format!("{label} {count}"))
                .collect();
            rows.push([
                Cell::plain(&rule.id),
                Cell::plain(&class),
                number(right),
                number(found - right),
                figure(share(right, found)),
                number(alone),
                Cell::plain(&labels.join(", ")),
            ]);
        }
        let head = [
            "rule",
            "class",
            "right",
            "false",
            "precision",
            "alone",
            "labels of what it found",
        ];
        show::columns(&head, &rows)
    }

    fn lang_table(&self) -> Vec<String> {
        let row = |lang: &str| {
            let items: Vec<&Labelled> = self.all().filter(|item| item.lang == lang).collect();
            let all = self.scores(items.iter().copied());
            let sure = self.scores(items.iter().copied().filter(|item| !item.is_borderline));
            let sum = all.sum();
            let name = if lang.is_empty() { "?" } else { lang };
            [
                Cell::plain(name),
                number(u32::try_from(items.len()).unwrap_or(u32::MAX)),
                number(sum.right),
                number(sum.false_alarms),
                number(sum.missed),
                figure(sum.precision()),
                figure(sum.recall()),
                figure(all.macro_f1()),
                figure(sure.macro_f1()),
            ]
        };
        let rows: Vec<_> = self.langs().into_iter().map(row).collect();
        let head = [
            "lang",
            "items",
            "right",
            "false",
            "missed",
            "precision",
            "recall",
            "macro F1",
            "not borderline",
        ];
        show::columns(&head, &rows)
    }

    fn write_json(&self, out: &mut impl Write, args: &Args) -> anyhow::Result<()> {
        let (all, sure) = (self.scores(self.all()), self.scores(self.sure()));
        for (class, tally) in &all.0 {
            let sure = sure.0.get(class).and_then(|tally| tally.f1());
            writeln!(
                out,
                "{}",
                json!({"kind": "class", "class": class, "right": tally.right, "false": tally.false_alarms,
                    "missed": tally.missed, "precision": tally.precision(), "recall": tally.recall(), "f1": tally.f1(),
                    "f1_not_borderline": sure})
            )?;
        }
        for lang in self.langs() {
            let of_lang = || self.all().filter(|item| item.lang == lang);
            let all = self.scores(of_lang());
            let sure = self.scores(of_lang().filter(|item| !item.is_borderline));
            writeln!(
                out,
                "{}",
                json!({"kind": "lang", "lang": lang, "items": of_lang().count(), "macro_f1": all.macro_f1(),
                    "macro_f1_not_borderline": sure.macro_f1()})
            )?;
        }
        let (alarms, quiet) = self.quiet_items();
        writeln!(
            out,
            "{}",
            json!({"kind": "macro", "items": self.items.len(), "macro_f1": all.macro_f1(),
                "macro_f1_not_borderline": sure.macro_f1(), "unlabelled_items": quiet, "unlabelled_items_alerted": alarms})
        )?;
        for (class, item) in self.false_alarms().into_iter().take(args.limit) {
            let found: BTreeMap<&str, _> = self
                .hits(item, class)
                .map(|matched| (self.rules.rules()[matched.rule].id.as_str(), &matched.hits))
                .collect();
            writeln!(
                out,
                "{}",
                json!({"kind": "false-alarm", "class": class, "line": item.line, "id": item.item.id,
                    "title": item.item.title, "labels": item.labels, "borderline": item.is_borderline, "hits": found})
            )?;
        }
        for (class, item) in self.misses().into_iter().take(args.limit) {
            let reasons: BTreeMap<String, String> = self.reasons(item, class).into_iter().collect();
            writeln!(
                out,
                "{}",
                json!({"kind": "missed", "class": class, "line": item.line, "id": item.item.id,
                    "title": item.item.title, "labels": item.labels, "borderline": item.is_borderline, "why": reasons})
            )?;
        }
        Ok(())
    }
}

fn class_table(all: &Scores, sure: &Scores) -> Vec<String> {
    let row = |(class, tally): (&String, &Tally)| {
        [
            Cell::plain(class),
            number(tally.right),
            number(tally.false_alarms),
            number(tally.missed),
            figure(tally.precision()),
            figure(tally.recall()),
            figure(tally.f1()),
            figure(sure.0.get(class).and_then(|tally| tally.f1())),
        ]
    };
    let rows: Vec<_> = all.0.iter().map(row).collect();
    let head = [
        "class",
        "right",
        "false",
        "missed",
        "precision",
        "recall",
        "F1",
        "not borderline",
    ];
    show::columns(&head, &rows)
}

fn heading(out: &mut impl Write, what: &str, total: usize, limit: usize) -> anyhow::Result<()> {
    match total > limit {
        true => writeln!(out, "\n{what} ({limit} of {total}; more with --limit)")?,
        false => writeln!(out, "\n{what} ({total})")?,
    }
    Ok(())
}

fn figure(share: Option<f64>) -> Cell {
    Cell::plain(&Figure(share).to_string())
}

fn number(number: u32) -> Cell {
    Cell::plain(&number.to_string())
}
