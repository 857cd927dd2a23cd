//! `silence`: what nobody wants to hear of until a time. Alerts it covers are recorded and shown, but not sent.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};

use super::{Globals, show};
use crate::{
    deliver::words_of,
    store::{Silence, Store, StoreError},
    time::{Clock, Timestamp, after, parse_duration},
};

/// Silence alerts for a while; without conditions, list the silences
#[derive(Debug, clap::Args)]
#[command(
    after_help = "All conditions that are given must hold.\n\nExamples:\n  wirewatch silence --rule 'flood-*' --for 2h --reason 'drill at the dam'\n  \
    wirewatch silence --words 'harbour NEAR/3 exercise' --until 2026-03-02T18:00:00Z --reason announced\n  \
    wirewatch silence\n  wirewatch silence --remove 3"
)]
pub struct Args {
    /// Alerts of rules that this glob matches
    #[arg(long, value_name = "GLOB", value_parser = parse_glob)]
    rule: Option<String>,
    /// Alerts with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Alerts on items of feeds that this glob matches
    #[arg(long, value_name = "GLOB", value_parser = parse_glob)]
    feed: Option<String>,
    /// Alerts on items that tell this: a query as rules have them
    #[arg(long, value_name = "QUERY", value_parser = parse_words)]
    words: Option<String>,
    /// How long: 90s, 5m, 2h, 14d
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, conflicts_with = "until")]
    span: Option<Duration>,
    /// Until when: 2026-03-02T18:00:00Z, or 2026-03-02 18:00 by this machine's clock
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// Why; shown to everyone who wonders
    #[arg(long, default_value = "")]
    reason: String,
    /// End this silence now
    #[arg(long, alias = "expire", value_name = "NUMBER", conflicts_with_all = ["rule", "tag", "feed", "words", "span", "until"])]
    remove: Option<i64>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

fn parse_glob(text: &str) -> Result<String, String> {
    match globset::Glob::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.kind().to_string()),
    }
}

fn parse_words(text: &str) -> Result<String, String> {
    words_of(text).map(|_| text.to_owned())
}

/// RFC 3339, or a date and a time by this machine's clock.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let local = text.parse::<jiff::civil::DateTime>().ok();
    local
        .and_then(|local| local.to_zoned(jiff::tz::TimeZone::system()).ok())
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| {
            format!("{text:?} is not a time: write 2026-03-02T18:00:00Z or 2026-03-02 18:00")
        })
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let (settings, _) = super::load_store(globals)?;
    let runtime = super::runtime()?;
    let now = Clock::System.now();
    if let Some(id) = args.remove {
        let store = Store::open_beside(&settings.path).context("cannot end the silence")?;
        return match runtime
            .block_on(store.end_silence(id, now))
            .context("cannot end the silence")?
        {
            true => {
                super::print(format!("silence {id} has ended\n").as_bytes())?;
                Ok(ExitCode::SUCCESS)
            }
            false => {
                bail!("there is no silence {id} that still holds: `wirewatch silence` lists them")
            }
        };
    }
    let is_new =
        args.rule.is_some() || args.tag.is_some() || args.feed.is_some() || args.words.is_some();
    let until = args.until.or(args.span.map(|span| after(now, span)));
    match (is_new, until) {
        (false, None) => {}
        (false, Some(_)) => {
            bail!("silence what? Add --rule, --tag, --feed or --words; --rule '*' is everything")
        }
        (true, None) => bail!("silence until when? Add --for 2h or --until TIME"),
        (true, Some(until)) if until <= now => {
            bail!("that time is past: {}", show::local_time(until))
        }
        (true, Some(until)) => {
            let store = Store::open_beside(&settings.path).context("cannot add the silence")?;
            let silence = Silence {
                id: 0,
                created: now,
                until,
                reason: args.reason,
                rule: args.rule,
                tag: args.tag,
                feed: args.feed,
                words: args.words,
            };
            let id = runtime
                .block_on(store.add_silence(silence))
                .context("cannot add the silence")?;
            let text = format!("silence {id} holds until {}\n", show::local_time(until));
            super::print(text.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    let store = match Store::open_to_read(&settings.path) {
        Ok(store) => store,
        Err(error @ StoreError::Missing(_)) => {
            super::complain(&error.to_string());
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error).context("cannot list the silences"),
    };
    let silences = runtime
        .block_on(store.silences(now))
        .context("cannot list the silences")?;
    let mut out = String::new();
    if args.json {
        for silence in &silences {
            out += &serde_json::to_string(silence)?;
            out.push('\n');
        }
    } else if silences.is_empty() {
        super::tell("no silence holds");
    } else {
        let rows: Vec<[show::Cell; 4]> = silences.iter().map(row).collect();
        for line in show::columns(&["NUMBER", "UNTIL", "WHAT", "WHY"], &rows) {
            out += &format!("{line}\n");
        }
        out = anstream::adapter::strip_str(&out).to_string();
    }
    super::print(out.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn row(silence: &Silence) -> [show::Cell; 4] {
    let conditions = [
        ("rule", &silence.rule),
        ("tag", &silence.tag),
        ("feed", &silence.feed),
        ("words", &silence.words),
    ];
    let what: Vec<String> = conditions
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")))
        .collect();
    [
        show::Cell::plain(&silence.id.to_string()),
        show::Cell::plain(&show::local_time(silence.until)),
        show::Cell::plain(&what.join(", ")),
        show::Cell::plain(&silence.reason),
    ]
}
