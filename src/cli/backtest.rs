//! `backtest`: the rules against the archive or item files, as if they had been in force then.
//!
//! The engine and the judge are the daemon's; the store is only read, and beside a running daemon. No network, no deliveries.

use std::{
    collections::HashMap,
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    EXIT_ERROR, Globals,
    backtested::Report,
    complain, environment_of_the_service,
    input::{Found, Reader},
    scan, show,
};
use crate::{
    backtest::{Moment, Timeline, Trial},
    config::{self, Config, Environment},
    model::{Feed, Item},
    rule::{RuleHits, RuleSet},
    store::Store,
    time::{Clock, Timestamp, before, show_duration},
};

/// Items of the archive in memory at once.
const ARCHIVE_BATCH: usize = 256;

/// Hits of a rule in an item that are kept where only the matched words are shown.
const HITS_KEPT: usize = 16;

/// Replay the rules over the archive or item files: alerts by rule and day, and what a change to them would change
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Replays the rules over the archive, or over item files, as if they had been in force then: the alerts that \
        they would have opened, by rule and by day (in UTC).\n\n\
        Items are judged in the order of their event time: when they were published, else when they were seen. In a file, an \
        item without a time takes the last one before it, and an id that comes again counts once. The engine and the judge are \
        the daemon's; nothing is fetched, recorded or sent.\n\n\
        FILE is a .jsonl file of items or whatever else `scan` reads from the disk. Without any, the archive is read; a daemon \
        may go on running.\n\n\
        --rules DIR compares: every .toml file in DIR and below it is read, and the rules there take the place of all \
        configured rules. Lists come from DIR too; a configured list of another name stays. Anything else in these files \
        (feeds, receivers) is left aside. An alert is unchanged where a rule of the same name alerts on the same story.",
    after_help = "Exit code: 0, or 2 where something could not be read.\n\nExamples:\n  \
        wirewatch backtest --since 30d\n  \
        wirewatch backtest --rules drafts/rules\n  \
        wirewatch backtest october.jsonl --rules drafts/rules --json | jq 'select(.change == \"lost\").alert.item.title'"
)]
pub struct Args {
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Only what happened in this time before now: 12h, 30d, 8w [default: everything]
    #[arg(long, value_name = "DURATION", value_parser = crate::time::parse_duration)]
    since: Option<Duration>,
    /// Compare with the rules in this folder
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// One JSON document a line: each rule, day and alert (with --rules its change), and the total
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = super::load(globals)?;
    let other = match &args.rules {
        Some(folder) => Some(load_other(folder, &config)?),
        None => None,
    };
    let started = Instant::now();
    let now = Clock::System.now();
    let since = args
        .since
        .map_or(Timestamp::MIN, |since| before(now, since));
    let mut replay = Replay {
        timeline: Timeline::new(since, now),
        trials: [Some(&config.rules), other.as_ref()]
            .into_iter()
            .flatten()
            .map(|rules| Trial::new(rules))
            .collect(),
        is_complete: args.json,
    };
    let problems = match args.files.is_empty() {
        true => replay.archive(&config, since)?,
        false => replay.files(&args.files, &config)?,
    };
    let Replay {
        timeline, trials, ..
    } = replay;
    let sets: Vec<&RuleSet> = trials.iter().map(Trial::rules).collect();
    let outcomes = trials.into_iter().map(|trial| trial.judge(&timeline));
    let report = Report::new(sets, outcomes.collect(), &timeline);

    let stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    let mut out = BufWriter::with_capacity(1 << 16, anstream::AutoStream::auto(stdout.lock()));
    let written = match args.json {
        true => report.write_json(&mut out),
        false => report.write(&mut out, is_terminal),
    };
    written
        .and_then(|()| out.flush())
        .context("cannot write to stdout")?;
    let items = show::count(timeline.items(), "item", "items");
    super::tell(&format!("{items} in {}", show_duration(started.elapsed())));
    Ok(match problems {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_ERROR),
    })
}

/// The rules of a folder, compiled and tested like the configured ones.
fn load_other(folder: &Path, config: &Config) -> anyhow::Result<Arc<RuleSet>> {
    if !folder.is_dir() {
        bail!("cannot compare with {}: it is no folder", folder.display());
    }
    let environment = environment_of_the_service(Environment::of_process(), &config.path);
    config::load_rules(folder, &config.path, &environment).map_err(|problems| {
        super::show_errors(&problems);
        let count = config::count(&problems).unwrap_or_default();
        anyhow::anyhow!("cannot use the rules in {}: {count}", folder.display())
    })
}

/// The sets of rules on their way through the items.
struct Replay<'r> {
    timeline: Timeline,
    trials: Vec<Trial<'r>>,
    /// Whether everything about an item that matched is shown, not only its headline and the matched words.
    is_complete: bool,
}

impl Replay<'_> {
    /// Everything that the store keeps; gives the number of problems.
    fn archive(&mut self, config: &Config, since: Timestamp) -> anyhow::Result<u64> {
        let runtime = super::runtime()?;
        let cannot = "cannot replay the archive; item files can be named instead";
        let store = Store::open_to_read(&config.store.path).context(cannot)?;
        let size = runtime
            .block_on(store.archive_size(since))
            .context(cannot)?;
        let bar = progress(
            size,
            "{bar:30} {human_pos} of {human_len} items, {per_sec}, {eta} left",
        );
        let named = |feed: &Arc<Feed>| (feed.name.clone(), feed.clone());
        let mut feeds: HashMap<String, Arc<Feed>> = config.feeds.iter().map(named).collect();
        let mut after = 0;
        loop {
            let next = store.archive_after(after, since, ARCHIVE_BATCH);
            let batch = runtime.block_on(next).context(cannot)?;
            let Some((last, _)) = batch.last() else { break };
            after = *last;
            bar.inc(batch.len() as u64);
            for (_, archived) in batch {
                let Some(moment) = self.timeline.archived(archived.seen, &archived.item) else {
                    continue;
                };
                // A feed that was removed since is known by its name alone.
                let feed = feeds
                    .entry(archived.feed)
                    .or_insert_with_key(|name| Arc::new(Feed::named(name)));
                let item = &archived.item;
                let found = self.found(|trial| trial.hits(feed, item));
                self.add(moment, &feed.clone(), archived.item, found);
            }
        }
        bar.finish_and_clear();
        Ok(0)
    }

    /// The items of files; gives the number of problems.
    fn files(&mut self, files: &[String], config: &Config) -> anyhow::Result<u64> {
        let bytes = files
            .iter()
            .filter_map(|file| Some(Path::new(file).metadata().ok()?.len()));
        let bar = progress(bytes.sum(), "{bar:30} {bytes} of {total_bytes}, {eta} left");
        let fetch = |_: &str| -> anyhow::Result<_> {
            bail!("a backtest asks no network; download it first")
        };
        let reader = Reader::new(&config.feeds, None, bar.clone(), &fetch);
        let mut problems = 0;
        for file in files {
            reader.read(file, &mut |found| {
                match found {
                    Found::Entry(entry) => {
                        if let Some(moment) = self.timeline.listed(&entry.feed, &entry.item) {
                            let found = self.found(|trial| match entry.is_document {
                                true => scan::hits(trial.rules(), &entry),
                                false => trial.hits(&entry.feed, &entry.item),
                            });
                            self.add(moment, &entry.feed, entry.item, found);
                        }
                    }
                    Found::Problem(text) => {
                        problems += 1;
                        bar.suspend(|| complain(&text));
                    }
                    Found::Skipped(file) => tracing::debug!(file, "no feed, skipped"),
                }
                Ok(())
            })?;
        }
        bar.finish_and_clear();
        Ok(problems)
    }

    /// What each set of rules finds.
    fn found(&mut self, hits: impl FnMut(&mut Trial<'_>) -> Vec<RuleHits>) -> Vec<Vec<RuleHits>> {
        self.trials.iter_mut().map(hits).collect()
    }

    fn add(&mut self, moment: Moment, feed: &Arc<Feed>, item: Item, found: Vec<Vec<RuleHits>>) {
        if found.iter().all(Vec::is_empty) {
            return;
        }
        // Judging asks for the title and the link alone.
        let item = Arc::new(Item {
            summary: if self.is_complete {
                item.summary
            } else {
                String::new()
            },
            content: String::new(),
            ..item
        });
        for (trial, mut hits) in self.trials.iter_mut().zip(found) {
            if !self.is_complete {
                hits.iter_mut()
                    .for_each(|rule| rule.hits.truncate(HITS_KEPT));
            }
            if !hits.is_empty() {
                trial.add(moment, feed, &item, hits);
            }
        }
    }
}

/// A bar for a person who waits: on a terminal alone.
fn progress(length: u64, template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).expect("the template is ours");
    ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr()).with_style(style)
}
