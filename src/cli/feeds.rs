//! `feeds`: every configured feed with its health. Reads the store beside a running daemon, or after one.

use std::{
    collections::HashMap,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;

use super::{Globals, alerts, feeds_add, feeds_opml, show};
use crate::{
    health::{Health, LAG_SINCE, State},
    schedule::Why,
    store::{Store, StoreError},
    time::{self, Clock, Timestamp, rfc3339, show_duration},
};

/// List the feeds with their health
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Only feeds that fail or are gone
    #[arg(long)]
    failing: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Exchange>,
}

/// How feeds come and go.
#[derive(Debug, clap::Subcommand)]
enum Exchange {
    Add(feeds_add::AddArgs),
    Import(feeds_opml::ImportArgs),
    /// Print the feeds as OPML, for other feed readers
    Export,
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(Exchange::Add(args)) => return feeds_add::add(args, globals),
        Some(Exchange::Import(args)) => return feeds_opml::import(args, globals),
        Some(Exchange::Export) => return feeds_opml::export(globals),
        None => {}
    }
    let config = super::load(globals)?;
    let now = Clock::System.now();
    let (states, lags) = match Store::open_to_read(&config.store.path) {
        Ok(store) => {
            let runtime = super::runtime()?;
            alerts::tell_of_disabled_receivers(&runtime, &store)?;
            let states = runtime.block_on(store.feed_states());
            let lags = match args.json {
                true => runtime.block_on(store.lags(time::before(now, LAG_SINCE))),
                false => Ok(HashMap::new()),
            };
            let cannot = "cannot list the feeds";
            (states.context(cannot)?, lags.context(cannot)?)
        }
        // The feeds are known all the same, only not yet polled.
        Err(error @ StoreError::Missing(_)) => {
            super::complain(&error.to_string());
            (HashMap::new(), HashMap::new())
        }
        Err(error) => return Err(error).context("cannot list the feeds"),
    };
    let all: Vec<_> = config
        .feeds
        .iter()
        .map(|feed| {
            let state = states.get(&feed.name);
            let lag = state.and_then(|state| lags.get(&state.id));
            Health::of(feed, state, lag)
        })
        .collect();
    let is_bad = |health: &&Health<'_>| matches!(health.state, State::Failing | State::Gone);
    let shown: Vec<_> = all
        .iter()
        .filter(|health| !args.failing || is_bad(health))
        .collect();

    let mut out = anstream::AutoStream::auto(io::stdout().lock());
    let is_terminal = io::stdout().is_terminal();
    let mut write = || -> io::Result<()> {
        if args.json {
            for health in &shown {
                serde_json::to_writer(&mut out, health)?;
                out.write_all(b"\n")?;
            }
        } else if is_terminal {
            for line in show::columns_within(
                show::terminal_width(),
                &HEAD,
                &shown
                    .iter()
                    .map(|health| health.cells(now))
                    .collect::<Vec<_>>(),
            ) {
                writeln!(out, "{line}")?;
            }
        } else {
            for health in &shown {
                writeln!(out, "{}", health.tabs())?;
            }
        }
        out.flush()
    };
    write().context("cannot write to stdout")?;
    if is_terminal && !args.json {
        super::tell(&summary(&all));
    }
    Ok(ExitCode::SUCCESS)
}

const HEAD: [&str; 8] = [
    "FEED",
    "STATE",
    "SUCCESS",
    "NEW ITEM",
    "NEXT POLL",
    "EVERY",
    "FAILURES",
    "REASON",
];

impl Health<'_> {
    /// `5m`, or `1h rhythm`: how often, and why where the configuration alone does not say.
    fn every(&self) -> String {
        let Some((s, why)) = self.interval_s.zip(self.interval_why) else {
            return "-".to_owned();
        };
        // The spread of first polls and the odd millisecond are nobody's concern here.
        let every = Duration::from_secs_f64(s);
        let every = show_duration(match every.as_secs() {
            0 => every,
            s @ 1..600 => Duration::from_secs(s),
            s => Duration::from_secs(s / 60 * 60),
        });
        match why == Why::Interval.name() {
            true => every,
            false => format!("{every} {why}"),
        }
    }

    /// What is wrong with the feed, or else where it moved.
    fn remark(&self) -> Option<String> {
        let reason = self.reason.map(str::to_owned);
        reason.or_else(|| Some(format!("moved for good to {}", self.moved_to?)))
    }

    /// For eyes: ages.
    fn cells(&self, now: Timestamp) -> [show::Cell; 8] {
        let age =
            |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| show::age(now, at));
        let style = match self.state {
            State::New => show::DIM,
            State::Ok => show::GOOD,
            State::Failing | State::Gone => show::BAD,
        };
        [
            show::Cell::plain(self.name),
            show::Cell {
                text: self.state.name().to_owned(),
                style,
            },
            show::Cell::plain(&age(self.last_success)),
            show::Cell::plain(&age(self.last_new_item)),
            // A poll that is due is being made.
            show::Cell::plain(&self.next_poll.map_or_else(
                || "-".to_owned(),
                |at| {
                    if at <= now {
                        "due".to_owned()
                    } else {
                        show::age(now, at)
                    }
                },
            )),
            show::Cell::plain(&self.every()),
            show::Cell::plain(&self.failures.to_string()),
            show::Cell::plain(&self.remark().unwrap_or_else(|| {
                self.push.as_ref().map_or_else(String::new, |push| {
                    format!("pushed by {}, lease ends {}", push.hub, age(push.until))
                })
            })),
        ]
    }

    /// For programs: times.
    fn tabs(&self) -> String {
        let at = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), rfc3339);
        let cells = [
            self.name,
            self.state.name(),
            &at(self.last_success),
            &at(self.last_new_item),
            &at(self.next_poll),
            &self.failures.to_string(),
            &self.remark().unwrap_or_else(|| "-".to_owned()),
            &self.every(),
        ];
        cells.map(|cell| show::safe(cell).into_owned()).join("\t")
    }
}

/// `29 feeds: 27 ok, 1 failing, 1 new`.
fn summary(all: &[Health<'_>]) -> String {
    let parts: Vec<_> = [State::Ok, State::Failing, State::Gone, State::New]
        .into_iter()
        .map(|state| {
            (
                all.iter().filter(|health| health.state == state).count(),
                state.name(),
            )
        })
        .filter(|(number, _)| *number > 0)
        .map(|(number, name)| format!("{number} {name}"))
        .collect();
    let feeds = show::count(all.len() as u64, "feed", "feeds");
    if parts.is_empty() {
        feeds
    } else {
        format!("{feeds}: {}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Feed,
        schedule::Plan,
        store::{FeedId, FeedState},
    };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn state(failures: u32, gone: Option<&str>, problem: Option<&str>) -> FeedState {
        FeedState {
            id: FeedId(1),
            name: "bbc".to_owned(),
            url: "https://e.org/feed".to_owned(),
            plan: Plan {
                next_poll: at("2024-12-06T12:04:00Z"),
                ..Plan::default()
            },
            last_poll: Some(at("2024-12-06T11:59:00Z")),
            last_success: Some(at("2024-12-06T11:00:00Z")),
            failures,
            problem: problem.map(str::to_owned),
            gone: gone.map(at),
            ..FeedState::default()
        }
    }

    #[test]
    fn a_feed_in_each_state() {
        let now = at("2024-12-06T12:00:00Z");
        let feed = Feed {
            url: "https://e.org/feed".to_owned(),
            ..Feed::named("bbc")
        };
        let moved = Feed {
            url: "https://e.org/other".to_owned(),
            ..Feed::named("bbc")
        };
        let redirected = FeedState {
            moved_to: Some("https://e.org/new".to_owned()),
            ..state(0, None, None)
        };
        for (feed, state, cells) in [
            (
                &feed,
                Some(redirected),
                "bbc|ok|1h ago|-|in 4m|5m|0|moved for good to https://e.org/new",
            ),
            (&feed, None, "bbc|new|-|-|-|-|0|"),
            (
                &feed,
                Some(state(0, None, None)),
                "bbc|ok|1h ago|-|in 4m|5m|0|",
            ),
            (
                &feed,
                Some(state(0, None, Some("the document breaks off"))),
                "bbc|ok|1h ago|-|in 4m|5m|0|the document breaks off",
            ),
            (
                &feed,
                Some(state(3, None, Some("answered\u{1b}[2J 503"))),
                "bbc|failing|1h ago|-|in 4m|5m|3|answered [2J 503",
            ),
            (
                &feed,
                Some(state(1, Some("2024-12-06T11:59:00Z"), Some("answered 410"))),
                "bbc|gone|1h ago|-|-|-|1|answered 410",
            ),
            (
                &moved,
                Some(state(3, None, Some("answered 503"))),
                "bbc|new|-|-|-|-|0|",
            ),
        ] {
            let health = Health::of(feed, state.as_ref(), None);
            assert_eq!(
                health
                    .cells(now)
                    .map(|cell| show::safe(&cell.text).into_owned())
                    .join("|"),
                cells
            );
        }
    }

    #[test]
    fn lines_for_programs_and_the_summary() {
        let feed = Feed {
            url: "https://e.org/feed".to_owned(),
            ..Feed::named("bbc")
        };
        let failing = state(2, None, Some("a\tb"));
        let health = Health::of(&feed, Some(&failing), None);
        assert_eq!(
            health.tabs(),
            "bbc\tfailing\t2024-12-06T11:00:00.000Z\t-\t2024-12-06T12:04:00.000Z\t2\ta b\t5m"
        );
        let moved = FeedState {
            moved_to: Some("https://e.org/new".to_owned()),
            ..state(0, None, None)
        };
        let tabs = Health::of(&feed, Some(&moved), None).tabs();
        assert!(
            tabs.ends_with("\t0\tmoved for good to https://e.org/new\t5m"),
            "{tabs}"
        );
        assert_eq!(
            summary(&[health, Health::of(&feed, None, None)]),
            "2 feeds: 1 failing, 1 new"
        );
        assert_eq!(summary(&[]), "0 feeds");
    }
}
