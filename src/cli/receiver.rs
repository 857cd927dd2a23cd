//! `receiver test` and `receiver route`: whether a receiver can be reached, and who would be told when.

use std::process::ExitCode;

use anyhow::bail;
use jiff::{Span, civil::Weekday, tz::TimeZone};

use super::{Globals, drill, show};
use crate::{
    config::Config,
    model::Severity,
    notify::Receiver,
    time::{Clock, Timestamp, rfc3339, show_duration},
};

/// Try a receiver, or ask who would be told
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Test(TestArgs),
    Route(RouteArgs),
}

/// Send a marked drill alert through the real path and report each step
#[derive(Debug, clap::Args)]
struct TestArgs {
    /// The receiver's name in the configuration
    name: String,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Who would be told of an alert, and when
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wirewatch receiver route --rule rebel-advance\n  wirewatch receiver route --at 'Sat 03:00' --rule flood --severity high --tag syria"
)]
struct RouteArgs {
    /// When the alert is queued: 'Sat 03:00', 03:00, 2026-03-07 03:00 (this machine's time) or 2026-03-07T03:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The rule's id
    #[arg(long, value_name = "ID")]
    rule: String,
    /// The alert's severity [default: the rule's own]
    #[arg(long, value_name = "LEVEL", value_parser = super::scan::parse_severity)]
    severity: Option<Severity>,
    /// A tag of the alert; may be given several times [default: the rule's own]
    #[arg(long)]
    tag: Vec<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = super::load(globals)?;
    match args.command {
        Command::Test(args) => test(&args, &config),
        Command::Route(args) => route(args, &config),
    }
}

fn test(args: &TestArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let Some(receiver) = config
        .receivers
        .iter()
        .find(|receiver| receiver.name == args.name)
    else {
        let names: Vec<&str> = config
            .receivers
            .iter()
            .map(|receiver| receiver.name.as_str())
            .collect();
        let known = match names.is_empty() {
            true => "there are none".to_owned(),
            false => format!("there are {}", names.join(", ")),
        };
        bail!("there is no receiver {:?}: {known}", args.name);
    };
    let now = Clock::System.now();
    let alert = drill::test_alert(&receiver.name, now);
    let mut report = drill::Report::new(args.json);
    let is_delivered = drill::send(config, std::slice::from_ref(receiver), alert, &mut report)?;
    Ok(match is_delivered {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn route(args: RouteArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let now = Clock::System.now();
    let at = match &args.at {
        Some(text) => parse_at(text, now, &TimeZone::system()).map_err(anyhow::Error::msg)?,
        None => now,
    };
    let rule = config
        .rules
        .rules()
        .iter()
        .find(|rule| rule.id == args.rule);
    if rule.is_none() {
        super::complain(&format!(
            "there is no rule {:?}; told as if there were",
            args.rule
        ));
    }
    let severity = args
        .severity
        .or(rule.map(|rule| rule.severity))
        .unwrap_or_default();
    let tags = match (args.tag.is_empty(), rule) {
        (true, Some(rule)) => rule.tags.clone(),
        _ => args.tag,
    };
    let mut rows = Vec::new();
    let mut out = String::new();
    for receiver in &config.receivers {
        let route = Route::of(receiver, &args.rule, severity, &tags, at);
        match args.json {
            true => out += &format!("{}\n", route.json(receiver)),
            false => rows.push(route.cells(receiver, at)),
        }
    }
    if !args.json {
        for line in show::columns(&["RECEIVER", "TOLD", "WHY"], &rows) {
            out += &format!("{line}\n");
        }
        out = anstream::adapter::strip_str(&out).to_string();
    }
    super::print(out.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// When one receiver would be told.
struct Route {
    /// `None`: not at all.
    told: Option<Timestamp>,
    why: Vec<String>,
    reasons: Vec<&'static str>,
}

impl Route {
    fn of(
        receiver: &Receiver,
        rule: &str,
        severity: Severity,
        tags: &[String],
        at: Timestamp,
    ) -> Route {
        let wants = &receiver.wants;
        let mut route = Route {
            told: None,
            why: Vec::new(),
            reasons: Vec::new(),
        };
        if receiver.notifier.only_beats() {
            route.why.push("takes no alerts".to_owned());
        } else if severity < wants.severity_min {
            route
                .why
                .push(format!("min_severity is {}", wants.severity_min.name()));
        } else if wants
            .rules
            .as_ref()
            .is_some_and(|globs| !globs.is_match(rule))
        {
            route.why.push("its rules do not name this one".to_owned());
        } else if !wants.takes(rule, severity, tags) {
            route
                .why
                .push(format!("wants one of the tags {}", wants.tags.join(", ")));
        } else {
            let (told, waits) = receiver.hold.route(severity, at);
            route.told = Some(told);
            for (held, until) in waits {
                route.reasons.push(held.name());
                route
                    .why
                    .push(format!("{} until {}", held.name(), show::local_time(until)));
            }
            if let Some(rate) = receiver.hold.rate {
                route.why.push(format!(
                    "at most {} in {}",
                    show::count(u64::from(rate.messages), "message", "messages"),
                    show_duration(rate.per)
                ));
            }
            if let Some(escalation) = &receiver.escalation {
                route.why.push(format!(
                    "then {} after {} without an acknowledgement",
                    escalation.then,
                    show_duration(escalation.within)
                ));
            }
        }
        route
    }

    fn cells(&self, receiver: &Receiver, at: Timestamp) -> [show::Cell; 3] {
        let told = match self.told {
            None => "no".to_owned(),
            Some(told) if told == at => "at once".to_owned(),
            Some(told) => show::local_time(told),
        };
        [
            show::Cell::plain(&receiver.name),
            show::Cell::plain(&told),
            show::Cell::plain(&self.why.join("; ")),
        ]
    }

    fn json(&self, receiver: &Receiver) -> serde_json::Value {
        serde_json::json!({
            "receiver": receiver.name,
            "told": self.told.is_some(),
            "at": self.told.map(rfc3339),
            "reasons": self.reasons,
            "why": self.why,
        })
    }
}

/// `Sat 03:00`, `03:00` (the next ones), a date and a time, or RFC 3339.
fn parse_at(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let wrong = || {
        format!(
            "{text:?} is not a time: write 'Sat 03:00', 03:00, '2026-03-07 03:00' or 2026-03-07T03:00:00Z"
        )
    };
    let zoned = |at: jiff::civil::DateTime| {
        at.to_zoned(zone.clone())
            .map(|at| at.timestamp())
            .map_err(|_| wrong())
    };
    if let Ok(at) = text.parse::<jiff::civil::DateTime>() {
        return zoned(at);
    }
    let (day, time) = match text.split_once(char::is_whitespace) {
        Some((day, time)) => (Some(weekday(day).ok_or_else(wrong)?), time.trim()),
        None => (None, text),
    };
    let time: jiff::civil::Time = time.parse().map_err(|_| wrong())?;
    let today = now.to_zoned(zone.clone()).date();
    for days in 0..=7 {
        let date = today
            .checked_add(Span::new().days(days))
            .map_err(|_| wrong())?;
        let at = zoned(date.to_datetime(time))?;
        if at >= now && day.is_none_or(|day| date.weekday() == day) {
            return Ok(at);
        }
    }
    Err(wrong())
}

fn weekday(text: &str) -> Option<Weekday> {
    let text = text.to_ascii_lowercase();
    let days = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let is_meant = |day: &&str| text.len() >= 3 && day.starts_with(&text);
    let offset = days.iter().position(is_meant)?;
    Weekday::from_monday_zero_offset(i8::try_from(offset).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        // A Monday.
        let now: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Madrid").unwrap();
        for (text, at) in [
            ("Sat 03:00", Some("2026-03-07T02:00:00Z")),
            ("saturday 03:00", Some("2026-03-07T02:00:00Z")),
            ("Mon 12:00", Some("2026-03-09T11:00:00Z")),
            ("Mon 14:00", Some("2026-03-02T13:00:00Z")),
            ("14:00", Some("2026-03-02T13:00:00Z")),
            ("03:00", Some("2026-03-03T02:00:00Z")),
            ("2026-07-01 03:00", Some("2026-07-01T01:00:00Z")),
            ("2026-07-01T03:00:00Z", Some("2026-07-01T03:00:00Z")),
            ("Sa 03:00", None),
            ("tomorrow", None),
            ("25:00", None),
        ] {
            let read = parse_at(text, now, &zone).ok();
            assert_eq!(read, at.map(|at| at.parse().unwrap()), "{text}");
        }
    }
}
