//! `[store]` and `[poll]`, and what a feed takes from `[poll]` where it says nothing itself.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    PollSettings, StoreSettings,
    checked::{Checked, Written, complain},
    environment::Environment,
    include::Files,
    problem::Finding,
    read::WATCH,
    source::Spot,
    value::Complaint,
};
use crate::{model::PollLimits, time::show_duration};

/// How long the archive reaches back by default.
const KEEP: Duration = Duration::from_secs(90 * 86_400);

/// Shorter poll intervals draw a warning: few publishers like them.
const INTERVAL_POLITE: Duration = Duration::from_secs(60);

/// The longest contact in a User-Agent, in bytes.
const CONTACT_BYTES_MAX: usize = 200;

/// The one table of this name in all files; a second one is a problem.
pub fn only<'a>(
    tables: &'a [Checked],
    name: &str,
    files: &Files,
    findings: &mut Vec<Finding>,
) -> Option<&'a Checked> {
    let mut found = tables.iter().filter_map(|file| file.table(name));
    let first = found.next();
    for again in found {
        let before = first.map(|first| place(files, first)).unwrap_or_default();
        findings.push(
            Finding::error(again.spot, format!("`[{name}]` is already in {before}"))
                .help("keep it in one file"),
        );
    }
    first
}

/// Whether `[rules] watch` is set in any file; a second one is a problem.
pub fn watch(tables: &[Checked], files: &Files, findings: &mut Vec<Finding>) -> bool {
    let mut written = tables.iter().filter(|file| file.is_written(WATCH));
    let first = written.next();
    for again in written {
        let before = first.map(|first| place_of(files, first.spot_of(WATCH)));
        let message = format!("`watch` is already in {}", before.unwrap_or_default());
        findings.push(Finding::error(again.spot_of(WATCH), message).help("keep it in one file"));
    }
    first.and_then(|file| file.bool(WATCH)).unwrap_or(false)
}

/// `config/wirewatch.toml:12`, for messages about a second of something.
pub fn place(files: &Files, table: &Checked) -> String {
    place_of(files, table.spot)
}

fn place_of(files: &Files, spot: Spot) -> String {
    match files.sources.get(spot.file()) {
        Some(source) => {
            let (line, _) = source.line(spot.range().start);
            format!("{}:{line}", source.shown.display())
        }
        None => String::new(),
    }
}

pub fn store(
    table: Option<&Checked>,
    files: &Files,
    environment: &Environment,
    findings: &mut Vec<Finding>,
) -> StoreSettings {
    let base = environment.state_directory.as_deref();
    let mut settings = StoreSettings {
        path: under(base, environment, Path::new("wirewatch.db")),
        keep: table.and_then(|table| table.time("keep")).unwrap_or(KEEP),
    };
    let Some(written) = table.and_then(|table| table.written("url")) else {
        return settings;
    };
    match store_path(&written.text) {
        Ok(path) if path == Path::new(":memory:") => settings.path = path,
        Ok(path) => settings.path = under(base, environment, &path),
        Err(complaint) => findings.extend(complain_in(files, written, complaint)),
    }
    settings
}

/// A path that a service keeps in its state directory, anyone else in the working directory.
pub fn under(state: Option<&Path>, environment: &Environment, path: &Path) -> PathBuf {
    match state {
        Some(state) => environment.resolve(state).join(path),
        None => environment.resolve(path),
    }
}

fn store_path(url: &str) -> Result<PathBuf, Complaint> {
    let scheme = url.split(':').next().unwrap_or("");
    match scheme {
        "postgres" | "postgresql" => {
            let complaint = Complaint::new("is not supported yet: stores in PostgreSQL");
            return Err(complaint.help("write sqlite: and a path"));
        }
        "sqlite" if url.len() > scheme.len() => {}
        _ => {
            return Err(Complaint::new("is not the address of a store")
                .help("write sqlite: and a path, such as sqlite:wirewatch.db"));
        }
    }
    let path = url.strip_prefix("sqlite:").unwrap_or("");
    let path = path.strip_prefix("//").unwrap_or(path);
    match () {
        () if path.is_empty() => {
            Err(Complaint::new("names no file").help("write sqlite:wirewatch.db"))
        }
        () if path.contains(['?', '#', '\0']) => Err(Complaint::new(
            "has options behind its path; wirewatch takes none",
        )),
        () => Ok(PathBuf::from(path)),
    }
}

pub fn poll(
    table: Option<&Checked>,
    files: &Files,
    findings: &mut Vec<Finding>,
) -> (PollSettings, PollLimits) {
    let count = |name: &str, default: usize| {
        let number = table.and_then(|table| table.integer(name));
        number
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(default)
    };
    let contact = table.and_then(|table| table.written("contact"));
    let contact = contact.filter(|written| match contact_problem(&written.text) {
        None => true,
        Some(complaint) => {
            findings.extend(complain_in(files, written, complaint));
            false
        }
    });
    let settings = PollSettings {
        concurrency: count("concurrency", 256),
        per_host: count("per_host", 2),
        contact: contact.map(|written| written.text.clone()),
        allow_private: table
            .and_then(|table| table.bool("allow_private"))
            .unwrap_or(false),
    };
    let limits = match table {
        Some(table) => limits(table, &PollLimits::default(), findings),
        None => PollLimits::default(),
    };
    (settings, limits)
}

fn contact_problem(text: &str) -> Option<Complaint> {
    let is_visible = |character: char| character == ' ' || character.is_ascii_graphic();
    match () {
        () if text.trim().is_empty() => Some(Complaint::new("is empty")),
        () if text.len() > CONTACT_BYTES_MAX => Some(Complaint::new(format!(
            "is too long: the most is {CONTACT_BYTES_MAX} bytes"
        ))),
        () if !text.chars().all(is_visible) || text.contains(['(', ')']) => Some(
            Complaint::new("cannot stand in a User-Agent")
                .help("write a mail or web address in plain ASCII, without parentheses"),
        ),
        () => None,
    }
}

/// How one feed (or, in `[poll]`, every feed) is asked.
pub fn limits(table: &Checked, defaults: &PollLimits, findings: &mut Vec<Finding>) -> PollLimits {
    let interval = table.time("interval").unwrap_or(defaults.interval);
    let interval_max = match table.time("max_interval") {
        Some(max) if max < interval => {
            let message = format!(
                "max_interval ({}) is shorter than interval ({})",
                show_duration(max),
                show_duration(interval)
            );
            findings.push(Finding::error(table.spot_of("max_interval"), message));
            interval
        }
        Some(max) => max,
        None => defaults.interval_max.max(interval),
    };
    if table.has("interval") && interval < INTERVAL_POLITE {
        let message = format!(
            "polling every {} is more often than most publishers allow",
            show_duration(interval)
        );
        findings.push(
            Finding::warning(table.spot_of("interval"), message).help("60s and longer is polite"),
        );
    }
    PollLimits {
        interval,
        adaptive: table.bool("adaptive").unwrap_or(defaults.adaptive),
        interval_max,
        timeout: table.time("timeout").unwrap_or(defaults.timeout),
        body_bytes_max: table
            .size("max_body")
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(defaults.body_bytes_max),
        backfill: table.time("backfill").unwrap_or(defaults.backfill),
    }
}

/// A problem with a string, wherever it stands.
pub fn complain_in(files: &Files, written: &Written, complaint: Complaint) -> Option<Finding> {
    let source = files.sources.get(written.spot.file())?;
    Some(complain(source, written, complaint))
}
