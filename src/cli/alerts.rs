//! `alerts`: what was alerted, and how each delivery stands. Reads the store beside a running daemon, or after one.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use globset::GlobMatcher;
use tokio::runtime::Runtime;

use super::{Globals, latency, scan, show};
use crate::{
    model::{AlertStatus, Severity},
    render,
    store::{AlertFilter, AlertRow, DeliveryRow, Store, StoreError},
    time::{Clock, Timestamp, before, rfc3339},
};

/// How often `--follow` looks.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// List alerts, oldest first, with their deliveries
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wirewatch alerts --since 7d --severity high\n  \
    wirewatch alerts --follow\n  wirewatch alerts --json | jq -r .item.url"
)]
pub struct Args {
    /// Only alerts that are new, or were revised, in this time: 90s, 5m, 2h, 14d
    #[arg(long, value_name = "DURATION", value_parser = crate::time::parse_duration, default_value = "24h")]
    since: Duration,
    /// Go on printing alerts as they come
    #[arg(short, long)]
    follow: bool,
    /// Only alerts of this rule; globs such as 'rebel-*' work
    #[arg(long, value_name = "ID", value_parser = scan::parse_glob)]
    rule: Option<GlobMatcher>,
    /// Only alerts of this severity or above
    #[arg(long, value_name = "LEVEL", value_parser = scan::parse_severity, default_value = "info")]
    severity: Severity,
    /// Instead of alerts, how long each stage took by feed and by receiver: median and 95th percentile
    #[arg(long, conflicts_with = "follow")]
    latency: bool,
    /// One alert document a line, with its deliveries
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = super::load(globals)?;
    let runtime = super::runtime()?;
    let mut filter = AlertFilter {
        since: Some(before(Clock::System.now(), args.since)),
        severity_min: args.severity,
        ..AlertFilter::default()
    };
    let layout = match (args.json, io::stdout().is_terminal()) {
        (true, _) => Layout::Json,
        (_, true) => Layout::Terminal,
        _ => Layout::Lines,
    };
    let is_wanted = |row: &AlertRow| {
        let rule = args.rule.as_ref();
        rule.is_none_or(|rule| rule.is_match(&row.alert.rule))
    };
    let mut store = None;
    let mut is_told = false;
    loop {
        if store.is_none() {
            store = match Store::open_to_read(&config.store.path) {
                Ok(store) => Some(store),
                // Nothing was ever alerted: an empty list is the right answer, the reason goes beside it.
                Err(error @ StoreError::Missing(_)) => {
                    if !std::mem::replace(&mut is_told, true) {
                        super::complain(&error.to_string());
                    }
                    None
                }
                Err(error) => return Err(error).context("cannot list the alerts"),
            };
        }
        if let Some(store) = &store {
            let rows = runtime
                .block_on(store.alerts(filter.clone()))
                .context("cannot list the alerts")?;
            filter.after = rows.last().map(|row| row.changed).or(filter.after);
            if args.latency {
                let wanted: Vec<AlertRow> = rows.into_iter().filter(|row| is_wanted(row)).collect();
                let lines = latency::lines(&wanted, args.json);
                super::print(
                    lines
                        .iter()
                        .map(|line| format!("{line}\n"))
                        .collect::<String>()
                        .as_bytes(),
                )?;
                return Ok(ExitCode::SUCCESS);
            }
            let mut out = anstream::AutoStream::auto(io::stdout().lock());
            let wanted = rows.iter().filter(|row| is_wanted(row));
            for row in wanted {
                layout
                    .print(&mut out, row, Clock::System.now())
                    .context("cannot write to stdout")?;
            }
            out.flush().context("cannot write to stdout")?;
        }
        if !args.follow {
            if let Some(store) = &store {
                tell_of_disabled_receivers(&runtime, store)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Whoever looks at alerts or feeds should learn that a receiver gets none.
pub(super) fn tell_of_disabled_receivers(runtime: &Runtime, store: &Store) -> anyhow::Result<()> {
    let disabled = runtime
        .block_on(store.disabled_receivers())
        .context("cannot list the receivers")?;
    for receiver in disabled {
        super::complain(&format!(
            "receiver {} gets nothing since {}: {}; mend it, then reload wirewatch",
            receiver.name,
            show::local_time(receiver.since),
            receiver.reason
        ));
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Layout {
    Terminal,
    /// Tab-separated: time, severity, rule, feed, title, address, deliveries.
    Lines,
    Json,
}

impl Layout {
    fn print(self, out: &mut impl Write, row: &AlertRow, now: Timestamp) -> io::Result<()> {
        match self {
            Layout::Terminal => paragraph(out, row, now),
            Layout::Lines => writeln!(out, "{}", line(row)),
            Layout::Json => {
                serde_json::to_writer(&mut *out, row)?;
                out.write_all(b"\n")
            }
        }
    }
}

fn line(row: &AlertRow) -> String {
    let alert = &row.alert;
    let deliveries: Vec<_> = row
        .deliveries
        .iter()
        .map(|delivery| format!("{}:{}", delivery.receiver, delivery.state))
        .collect();
    let cells = [
        &rfc3339(alert.timing.queued),
        alert.severity.name(),
        &alert.rule,
        &alert.item.feed,
        &render::headline(alert),
        &alert.item.url,
        &deliveries.join(","),
    ];
    cells.map(|cell| show::safe(cell).into_owned()).join("\t")
}

fn paragraph(out: &mut impl Write, row: &AlertRow, now: Timestamp) -> io::Result<()> {
    let alert = &row.alert;
    let (style, dim) = (show::severity_style(alert.severity), show::DIM);
    let in_title: Vec<_> = alert
        .hits
        .iter()
        .filter(|hit| hit.field == crate::model::Field::Title)
        .map(|hit| hit.start..hit.end)
        .collect();
    let drill = if alert.drill { "DRILL " } else { "" };
    writeln!(
        out,
        "{style}{:8}{style:#} {drill}{}",
        alert.severity.name(),
        match alert.item.title.is_empty() {
            true => show::safe(&render::headline(alert)).into_owned(),
            false => show::marked(&alert.item.title, &in_title, show::MATCHED),
        }
    )?;
    let mut about = vec![
        alert.rule.clone(),
        alert.item.feed.clone(),
        show::age(now, alert.timing.queued),
        show::local_time(alert.timing.queued),
        alert.item.url.clone(),
    ];
    if alert.status == AlertStatus::Resolved {
        about.push("resolved".to_owned());
    }
    if alert.revision > 1 {
        about.push(format!("revision {}", alert.revision));
    }
    if alert.story.items > 1 {
        let publishers = show::count(
            alert.story.publishers.len() as u64,
            "publisher",
            "publishers",
        );
        about.push(format!(
            "{} of {publishers}",
            show::count(u64::from(alert.story.items), "item", "items")
        ));
    }
    if let Some(at) = row.acknowledged {
        about.push(format!("acknowledged {}", show::age(now, at)));
    }
    if row.wrong.is_some() {
        about.push("called wrong".to_owned());
    }
    about.retain(|part| !part.is_empty());
    writeln!(
        out,
        "         {dim}{}{dim:#}",
        show::safe(&about.join(" · "))
    )?;
    let done: Vec<_> = row
        .deliveries
        .iter()
        .filter(|delivery| is_plain(delivery))
        .map(|delivery| delivery.receiver.as_str())
        .collect();
    if !done.is_empty() {
        writeln!(
            out,
            "         {dim}delivered to {}{dim:#}",
            show::safe(&done.join(", "))
        )?;
    }
    for delivery in row.deliveries.iter().filter(|delivery| !is_plain(delivery)) {
        writeln!(out, "         {}", show::safe(&standing(delivery, now)))?;
    }
    writeln!(out)
}

/// Delivered, and nothing more to say of it.
fn is_plain(delivery: &DeliveryRow) -> bool {
    delivery.state == "done" && delivery.reason.is_none()
}

/// How a delivery stands.
pub(super) fn standing(delivery: &DeliveryRow, now: Timestamp) -> String {
    let mut text = match delivery.state.as_str() {
        "done" if delivery.reason.as_deref() == Some("silenced") => {
            format!("not sent to {}", delivery.receiver)
        }
        "done" => format!("delivered to {}", delivery.receiver),
        "dead" => format!("not delivered to {}, given up", delivery.receiver),
        _ => format!("owed to {}", delivery.receiver),
    };
    if delivery.attempts > 0 {
        text += &format!(
            " after {}",
            show::count(u64::from(delivery.attempts), "attempt", "attempts")
        );
    }
    if let Some(reason) = &delivery.reason {
        text += &format!(", {reason}");
    }
    match delivery.due {
        Some(due) if due <= now => text += ", due now",
        Some(due) => text += &format!(", next {}", show::age(now, due)),
        None => {}
    }
    if let Some(problem) = &delivery.problem {
        text += &format!(": {problem}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_delivery_stands() {
        let now: Timestamp = "2024-12-06T12:00:00Z".parse().unwrap();
        let delivery =
            |state: &str, attempts, due: Option<&str>, problem: Option<&str>| DeliveryRow {
                receiver: "desk".to_owned(),
                revision: 1,
                state: state.to_owned(),
                attempts,
                settled: None,
                due: due.map(|due| due.parse().unwrap()),
                problem: problem.map(str::to_owned),
                reason: None,
            };
        for (delivery, shown) in [
            (delivery("owed", 0, None, None), "owed to desk"),
            (
                delivery("done", 2, None, None),
                "delivered to desk after 2 attempts",
            ),
            (
                delivery(
                    "owed",
                    3,
                    Some("2024-12-06T12:05:00Z"),
                    Some("answered 503"),
                ),
                "owed to desk after 3 attempts, next in 5m: answered 503",
            ),
            (
                delivery("owed", 1, Some("2024-12-06T12:00:00Z"), None),
                "owed to desk after 1 attempt, due now",
            ),
            (
                delivery("dead", 1, None, Some("answered 400")),
                "not delivered to desk, given up after 1 attempt: answered 400",
            ),
        ] {
            assert_eq!(standing(&delivery, now), shown);
        }
    }
}
