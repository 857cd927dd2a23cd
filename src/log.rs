//! Logs: one line an event, for the person at the terminal, for `journalctl`, or for a machine.
//!
//! Every value may come from a feed. So nothing is written as it came: control characters, line breaks, escape sequences
//! and bidirectional overrides become visible escapes ([`line::escape`]), and a value and a line have a greatest length.
//! A log line can therefore not be forged, and cannot move the cursor of whoever reads it. Secrets are kept out by their
//! type (`secret::Secret` does not print).

pub mod journal;
pub mod line;

use std::{
    io::{IsTerminal, Write},
    os::{fd::AsFd, unix::fs::MetadataExt},
};

use tracing::{Event, Subscriber, level_filters::LevelFilter, subscriber::SetGlobalDefaultError};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
};

use crate::time::Clock;
use line::Record;

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Time, level, event and fields, for eyes
    Human,
    /// key=value pairs
    Logfmt,
    /// One JSON object a line
    Json,
    /// The journal's own fields
    Journal,
}

impl Format {
    /// The form that whatever stands behind stderr reads best.
    pub fn for_stderr() -> Format {
        if journal::is_behind_stderr() {
            Format::Journal
        } else if std::io::stderr().is_terminal() {
            Format::Human
        } else {
            Format::Logfmt
        }
    }
}

/// Reads a level (`debug`) or the form `RUST_LOG` made common (`info,wirewatch::poll=trace`). A bare level is ours alone:
/// dependencies stay at warnings.
///
/// # Errors
/// A sentence that says what can be written.
pub fn parse_filter(text: &str) -> Result<Targets, String> {
    let text = text.trim();
    // An empty text is "error" to LevelFilter.
    let level = |text: &str| {
        text.parse::<LevelFilter>()
            .ok()
            .filter(|_| !text.is_empty())
    };
    if let Some(level) = level(text) {
        return Ok(Targets::new()
            .with_default(level.min(LevelFilter::WARN))
            .with_target("wirewatch", level));
    }
    // `Targets` would take a misspelt level for the name of a target.
    let is_directive = |part: &str| part.contains('=') || level(part.trim()).is_some();
    let directives = text.split(',').all(is_directive).then(|| text.parse().ok());
    directives.flatten().ok_or_else(|| {
        format!(
            "{text:?} is not a log level: write error, warn, info, debug or trace, or directives such as wirewatch::poll=debug"
        )
    })
}

/// Sends the events of the whole process to stderr, or to the journal.
///
/// # Errors
/// When logging was set up before.
pub fn init(format: Format, filter: Targets) -> Result<(), SetGlobalDefaultError> {
    let is_coloured = format == Format::Human
        && anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let lines = Lines {
        clock: Clock::System,
        write: move |record: &Record| {
            if format == Format::Journal && journal::send(record).is_ok() {
                return;
            }
            let mut text = match format {
                Format::Human => record.human(is_coloured),
                Format::Json => record.json(),
                Format::Logfmt | Format::Journal => record.logfmt(),
            };
            text.push('\n');
            // One write keeps the line whole beside other writers; a closed stderr must not end the daemon.
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        },
    };
    tracing::subscriber::set_global_default(
        tracing_subscriber::registry().with(lines.with_filter(filter)),
    )
}

/// Turns each event into a [`Record`] and hands it on.
struct Lines<W> {
    clock: Clock,
    write: W,
}

impl<S: Subscriber, W: Fn(&Record) + 'static> Layer<S> for Lines<W> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        (self.write)(&Record::of(event, self.clock.now()));
    }
}

/// The device and inode of stderr, as `$JOURNAL_STREAM` writes them.
fn stderr_stream() -> Option<String> {
    let stderr = std::io::stderr().as_fd().try_clone_to_owned().ok()?;
    let meta = std::fs::File::from(stderr).metadata().ok()?;
    Some(format!("{}:{}", meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_bare_level_is_ours_and_dependencies_stay_at_warnings() {
        use tracing::Level;
        for (text, target, level, is_shown) in [
            ("info", "wirewatch::poll", Level::INFO, true),
            ("info", "wirewatch::poll", Level::DEBUG, false),
            ("trace", "hyper::proto", Level::INFO, false),
            ("trace", "hyper::proto", Level::WARN, true),
            ("error", "hyper::proto", Level::WARN, false),
            ("off", "wirewatch", Level::ERROR, false),
            (" Debug ", "wirewatch", Level::DEBUG, true),
            (
                "warn,wirewatch::poll=trace",
                "wirewatch::poll",
                Level::TRACE,
                true,
            ),
            (
                "warn,wirewatch::poll=trace",
                "wirewatch::net",
                Level::INFO,
                false,
            ),
        ] {
            let filter = parse_filter(text).unwrap();
            assert_eq!(
                filter.would_enable(target, &level),
                is_shown,
                "{text} {target} {level}"
            );
        }
        for bad in ["loud", "", "info,loud", "wirewatch=loud"] {
            assert!(parse_filter(bad).unwrap_err().contains(&format!("{bad:?}")));
        }
    }

    #[test]
    fn an_event_keeps_its_fields_in_order_and_a_long_value_is_cut() {
        let records = Arc::new(Mutex::new(Vec::new()));
        let sink = records.clone();
        let lines = Lines {
            clock: Clock::System,
            write: move |record: &Record| sink.lock().unwrap().push(record.clone()),
        };
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let long = "é".repeat(100_000);
            tracing::warn!(feed = %"bbc", status = 503u16, is_first = true, long, "feed {}", "refused");
        });
        let records = records.lock().unwrap();
        let [record] = records.as_slice() else {
            panic!("one event, one record")
        };
        let line = record.logfmt();
        assert!(
            line.contains(
                r#" level=warn event="feed refused" feed=bbc status=503 is_first=true long=é"#
            ),
            "{line}"
        );
        assert!(line.ends_with('…') && line.len() < line::VALUE_BYTES_MAX + 200);
    }
}
