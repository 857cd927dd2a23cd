//! `feeds`: every configured feed with its health. Reads the store beside a running daemon, or after one.

use std::{
    collections::HashMap,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use anyhow::Context;
use serde::Serialize;

use super::{Globals, alerts, feeds_add, feeds_opml, show};
use crate::{
    model::Feed,
    store::{FeedState, Store, StoreError},
    time::{Clock, Timestamp, rfc3339},
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

/// A feed as it is listed.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Health<'a> {
    name: &'a str,
    url: &'a str,
    publisher: &'a str,
    state: State,
    #[serde(serialize_with = "time")]
    last_success: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    last_new_item: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    next_poll: Option<Timestamp>,
    /// In a row.
    failures: u32,
    reason: Option<&'a str>,
    moved_to: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Never polled.
    New,
    Ok,
    Failing,
    /// Answered 410 and is not asked again.
    Gone,
}

fn time<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(rfc3339).serialize(serializer)
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(Exchange::Add(args)) => return feeds_add::add(args, globals),
        Some(Exchange::Import(args)) => return feeds_opml::import(args, globals),
        Some(Exchange::Export) => return feeds_opml::export(globals),
        None => {}
    }
    let config = super::load(globals)?;
    let states = match Store::open_to_read(&config.store.path) {
        Ok(store) => {
            let runtime = super::runtime()?;
            alerts::tell_of_disabled_receivers(&runtime, &store)?;
            runtime
                .block_on(store.feed_states())
                .context("cannot list the feeds")?
        }
        // The feeds are known all the same, only not yet polled.
        Err(error @ StoreError::Missing(_)) => {
            super::complain(&error.to_string());
            HashMap::new()
        }
        Err(error) => return Err(error).context("cannot list the feeds"),
    };
    let all: Vec<_> = config
        .feeds
        .iter()
        .map(|feed| Health::of(feed, states.get(&feed.name)))
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
            let now = Clock::System.now();
            for line in show::columns(
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

const HEAD: [&str; 7] = [
    "FEED",
    "STATE",
    "SUCCESS",
    "NEW ITEM",
    "NEXT POLL",
    "FAILURES",
    "REASON",
];

impl<'a> Health<'a> {
    fn of(feed: &'a Feed, state: Option<&'a FeedState>) -> Self {
        // What was learnt at another address says nothing about this one.
        let state = state.filter(|state| state.url == feed.url);
        let of = |get: fn(&FeedState) -> Option<Timestamp>| state.and_then(get);
        Health {
            name: &feed.name,
            url: &feed.url,
            publisher: &feed.publisher,
            state: match state {
                Some(state) if state.gone.is_some() => State::Gone,
                Some(state) if state.failures > 0 => State::Failing,
                Some(state) if state.last_poll.is_some() => State::Ok,
                _ => State::New,
            },
            last_success: of(|state| state.last_success),
            last_new_item: of(|state| state.last_new_item),
            next_poll: of(|state| state.gone.is_none().then_some(state.next_poll)),
            failures: state.map_or(0, |state| state.failures),
            reason: state.and_then(|state| state.problem.as_deref()),
            moved_to: state.and_then(|state| state.moved_to.as_deref()),
        }
    }

    /// For eyes: ages.
    fn cells(&self, now: Timestamp) -> [show::Cell; 7] {
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
            show::Cell::plain(&self.failures.to_string()),
            show::Cell::plain(&match (self.reason, self.moved_to) {
                (Some(reason), _) => reason.to_owned(),
                (None, Some(url)) => format!("moved for good to {url}"),
                (None, None) => String::new(),
            }),
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
            self.reason.unwrap_or("-"),
        ];
        cells.map(|cell| show::safe(cell).into_owned()).join("\t")
    }
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::New => "new",
            State::Ok => "ok",
            State::Failing => "failing",
            State::Gone => "gone",
        }
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
    use crate::{model::Validators, store::FeedId};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn state(failures: u32, gone: Option<&str>, problem: Option<&str>) -> FeedState {
        FeedState {
            id: FeedId(1),
            name: "bbc".to_owned(),
            url: "https://e.org/feed".to_owned(),
            validators: Validators::default(),
            next_poll: at("2024-12-06T12:04:00Z"),
            first_contact: None,
            last_poll: Some(at("2024-12-06T11:59:00Z")),
            last_success: Some(at("2024-12-06T11:00:00Z")),
            last_new_item: None,
            failures,
            problem: problem.map(str::to_owned),
            moved_to: None,
            moved_times: 0,
            gone: gone.map(at),
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
                "bbc|ok|1h ago|-|in 4m|0|moved for good to https://e.org/new",
            ),
            (&feed, None, "bbc|new|-|-|-|0|"),
            (
                &feed,
                Some(state(0, None, None)),
                "bbc|ok|1h ago|-|in 4m|0|",
            ),
            (
                &feed,
                Some(state(3, None, Some("answered\u{1b}[2J 503"))),
                "bbc|failing|1h ago|-|in 4m|3|answered [2J 503",
            ),
            (
                &feed,
                Some(state(1, Some("2024-12-06T11:59:00Z"), Some("answered 410"))),
                "bbc|gone|1h ago|-|-|1|answered 410",
            ),
            (
                &moved,
                Some(state(3, None, Some("answered 503"))),
                "bbc|new|-|-|-|0|",
            ),
        ] {
            let health = Health::of(feed, state.as_ref());
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
        let health = Health::of(&feed, Some(&failing));
        assert_eq!(
            health.tabs(),
            "bbc\tfailing\t2024-12-06T11:00:00.000Z\t-\t2024-12-06T12:04:00.000Z\t2\ta b"
        );
        assert_eq!(
            summary(&[health, Health::of(&feed, None)]),
            "2 feeds: 1 failing, 1 new"
        );
        assert_eq!(summary(&[]), "0 feeds");
    }
}
