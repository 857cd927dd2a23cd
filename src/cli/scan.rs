//! `scan`: the rules against files, feeds and texts, once, with the manners of grep.
//!
//! The same engine as the daemon's, and no store: nothing is recorded, nothing is sent.

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use globset::{Glob, GlobMatcher};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    EXIT_ERROR, Globals, complain,
    hits::Layout,
    input::{Entry, Found, Reader},
    items::primary_subtag,
    show,
};
use crate::{
    model::{Field, Hit, Item, Severity},
    rule::{RuleHits, RuleSet, RuleSource},
    time::Clock,
};

/// Match feeds, items or texts against the rules, once, and print the hits
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Matches feeds, items or texts against the rules, once, and prints the hits.\n\n\
        INPUT is a feed file, a feed's address, a folder of feed files, a .jsonl file of items (one JSON object a line: \
        title, and if you like id, summary, content, url, published, source, lang, feed), a .txt file (one text: its first \
        line is the title, and rules look at the whole of it whatever their scope), or - for one headline a line of standard input.\n\n\
        An input that cannot be read is told and the others are still scanned.",
    after_help = "Exit code: 0 hits, 1 none, 2 error (as grep).\n\nExamples:\n  \
        wirewatch scan story.txt\n  \
        wirewatch scan https://feeds.bbci.co.uk/news/world/rss.xml\n  \
        wirewatch scan items.jsonl --rule 'rebel-*' --json | jq .item.title\n  \
        echo 'Rebel forces advance on Homs' | wirewatch scan -"
)]
pub struct Args {
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// Only rules whose id matches, such as 'rebel-*'; may be given more than once
    #[arg(long = "rule", value_name = "GLOB", value_parser = parse_glob)]
    rules: Vec<GlobMatcher>,
    /// Only rules of this severity or above
    #[arg(long, value_name = "LEVEL", value_parser = parse_severity, default_value = "info")]
    severity: Severity,
    /// The language of inputs that do not name theirs, such as ar; else it is detected
    #[arg(long, value_name = "LANG", value_parser = parse_lang)]
    lang: Option<String>,
    /// One alert document a line for each item and rule that match
    #[arg(long)]
    json: bool,
    /// Print nothing, the exit code says it
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = super::load(globals)?;
    require_a_rule(&args.rules, &config.rules)?;
    let started = Instant::now();
    let stdout = io::stdout();
    let layout = match (args.quiet, args.json, stdout.is_terminal()) {
        (true, ..) => Layout::Quiet,
        (_, true, _) => Layout::Json,
        (_, _, true) => Layout::Terminal,
        _ => Layout::Lines,
    };
    let bar = progress(&args.inputs, layout);
    let fetch = |url: &str| super::wire::fetch(url, &config.poll);
    let reader = Reader::new(&config.feeds, args.lang.clone(), bar.clone(), &fetch);
    let mut out = BufWriter::with_capacity(1 << 16, anstream::AutoStream::auto(stdout.lock()));
    let mut total = Total::default();
    let now = Clock::System.now();

    for input in &args.inputs {
        let is_live = input == "-" || layout == Layout::Terminal;
        reader
            .read(input, &mut |found| {
                let entry = match found {
                    Found::Entry(entry) => entry,
                    Found::Problem(text) => {
                        total.problems += 1;
                        bar.suspend(|| complain(&text));
                        return Ok(());
                    }
                    Found::Skipped(file) => {
                        tracing::debug!(file, "no feed, skipped");
                        total.skipped += 1;
                        return Ok(());
                    }
                };
                let rules = &config.rules;
                total.items += 1;
                let mut matches = hits(rules, &entry);
                matches.retain(|matched| args.wants(&rules.rules()[matched.rule]));
                if matches.is_empty() {
                    return Ok(());
                }
                total.hits += matches.len() as u64;
                total.items_hit += 1;
                let mut print = || {
                    layout.print(&mut out, &entry, rules, &matches, now)?;
                    if is_live { out.flush() } else { Ok(()) }
                };
                match layout {
                    // The bar and the hits share the terminal.
                    Layout::Terminal => bar.suspend(print),
                    _ => print(),
                }
            })
            .context("cannot write to stdout")?;
    }
    out.flush().context("cannot write to stdout")?;
    bar.finish_and_clear();
    if !args.quiet {
        total.tell(started.elapsed());
    }
    Ok(match (total.problems, total.hits) {
        (0, 0) => ExitCode::from(1),
        (0, _) => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_ERROR),
    })
}

impl Args {
    fn wants(&self, rule: &RuleSource) -> bool {
        rule.severity >= self.severity
            && (self.rules.is_empty() || self.rules.iter().any(|glob| glob.is_match(&rule.id)))
    }
}

/// What the rules find in an entry. In a text by itself they look at the whole, whatever their scope, as one passage.
pub(super) fn hits(rules: &RuleSet, entry: &Entry) -> Vec<RuleHits> {
    let item = &entry.item;
    if !entry.is_document || item.content.is_empty() {
        return rules.hits(&entry.feed, item);
    }
    let whole = Item {
        title: format!("{}\n{}", item.title, item.content),
        ..item.clone()
    };
    let mut matches = rules.hits(&entry.feed, &whole);
    let title_chars = item.title.chars().count();
    for hit in matches.iter_mut().flat_map(|matched| &mut matched.hits) {
        // Back to where the words stand in the item as it is shown: the line break between counts one.
        if hit.field == Field::Title && hit.start > title_chars {
            hit.field = Field::Content;
            hit.start -= title_chars + 1;
            hit.end -= title_chars + 1;
        }
    }
    for matched in &mut matches {
        // `text:` finds the same words a second time.
        let mut kept: Vec<Hit> = Vec::with_capacity(matched.hits.len());
        for hit in matched.hits.drain(..) {
            if !kept.contains(&hit) {
                kept.push(hit);
            }
        }
        matched.hits = kept;
    }
    matches
}

/// What a scan came to.
#[derive(Default)]
struct Total {
    items: u64,
    items_hit: u64,
    /// Pairs of item and rule.
    hits: u64,
    problems: u64,
    skipped: u64,
}

impl Total {
    fn tell(&self, elapsed: Duration) {
        let mut line = format!(
            "{} in {} of {} ({})",
            show::count(self.hits, "hit", "hits"),
            self.items_hit,
            show::count(self.items, "item", "items"),
            crate::time::show_duration(elapsed)
        );
        if self.skipped > 0 {
            line += &format!(
                "; {} no feed",
                show::count(self.skipped, "file was", "files were")
            );
        }
        if self.problems > 0 {
            line += &format!("; {}", show::count(self.problems, "error", "errors"));
        }
        super::tell(&line);
    }
}

/// A bar over the bytes of the files, for a person who waits: on a terminal alone, and only where there is much to read.
fn progress(inputs: &[String], layout: Layout) -> ProgressBar {
    const WORTH_A_BAR_BYTES: u64 = 16 << 20;
    let bytes: u64 = inputs
        .iter()
        .map(|input| bytes_below(input.as_ref(), 0))
        .sum();
    if bytes < WORTH_A_BAR_BYTES || layout == Layout::Quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
    )
    .expect("the template is ours");
    ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr()).with_style(style)
}

/// How much there is to read; what cannot be looked at counts nothing here and is told when it is read.
fn bytes_below(path: &std::path::Path, depth: usize) -> u64 {
    let Ok(meta) = path.metadata() else { return 0 };
    if !meta.is_dir() {
        return meta.len();
    }
    let files = path.read_dir().into_iter().flatten().flatten();
    if depth > 8 {
        0
    } else {
        files.map(|file| bytes_below(&file.path(), depth + 1)).sum()
    }
}

/// A misspelt `--rule` must not pass for "nothing found".
pub(super) fn require_a_rule(globs: &[GlobMatcher], rules: &RuleSet) -> anyhow::Result<()> {
    let ids = || rules.rules().iter().map(|rule| rule.id.as_str());
    match globs.iter().find(|glob| !ids().any(|id| glob.is_match(id))) {
        None => Ok(()),
        Some(glob) => bail!(
            "no rule matches --rule {}; there are {}",
            glob.glob(),
            ids().collect::<Vec<_>>().join(", ")
        ),
    }
}

pub(super) fn parse_glob(text: &str) -> Result<GlobMatcher, String> {
    Glob::new(text)
        .map(|glob| glob.compile_matcher())
        .map_err(|error| error.to_string())
}

/// Reads a severity as the configuration writes it.
pub(super) fn parse_severity(text: &str) -> Result<Severity, String> {
    Severity::parse(text).ok_or_else(|| {
        format!(
            "write one of {}",
            Severity::ALL.map(Severity::name).join(", ")
        )
    })
}

pub(super) fn parse_lang(text: &str) -> Result<String, String> {
    primary_subtag(text)
        .ok_or_else(|| "write a language as two or three letters, such as en or ar".to_owned())
}
