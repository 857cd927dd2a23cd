//! An event as a line of text, in three forms. Whatever the values hold, the line is one line of harmless characters.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use tracing::{
    Event, Level,
    field::{Field, Visit},
};

use crate::time::{Timestamp, rfc3339};

/// The greatest length of one value, and of the event's own words.
pub const VALUE_BYTES_MAX: usize = 4096;

/// The most fields that are kept of one event.
const FIELDS_MAX: usize = 32;

/// An event, taken apart.
#[derive(Clone, Debug)]
pub struct Record {
    pub at: Timestamp,
    pub level: Level,
    /// The module that logged.
    pub target: String,
    /// What happened, in words.
    pub event: String,
    pub fields: Vec<(&'static str, Value)>,
}

/// A field's value as it came, not yet safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// A number, `true` or `false`: the same in every form.
    Plain(String),
}

impl Value {
    /// The value's characters as they came.
    pub fn raw(&self) -> &str {
        match self {
            Value::Text(text) | Value::Plain(text) => text,
        }
    }
}

impl Record {
    pub fn of(event: &Event<'_>, at: Timestamp) -> Record {
        let meta = event.metadata();
        let mut record = Record {
            at,
            level: *meta.level(),
            target: meta.target().to_owned(),
            event: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut record);
        record
    }

    /// For eyes: `Dec 06 14:03:11 WARN  feed refused the poll feed=bbc-world status=503`, local time.
    pub fn human(&self, is_coloured: bool) -> String {
        let style = |style: Style| if is_coloured { style } else { Style::new() };
        let dim = style(Style::new().dimmed());
        let level = style(match self.level {
            Level::ERROR => AnsiColor::Red.on_default().bold(),
            Level::WARN => AnsiColor::Yellow.on_default(),
            Level::INFO => AnsiColor::Green.on_default(),
            _ => AnsiColor::Blue.on_default(),
        });
        let local = self.at.to_zoned(jiff::tz::TimeZone::system());
        let mut line = format!(
            "{dim}{}{dim:#} {level}{:5}{level:#} {}",
            local.strftime("%b %d %H:%M:%S"),
            self.level,
            escape(&self.event)
        );
        for (name, value) in &self.fields {
            let _ = write!(line, " {dim}{name}={dim:#}{}", logfmt_value(value.raw()));
        }
        line
    }

    /// `ts=2024-12-06T14:03:11.204Z level=warn event="feed refused the poll" feed=bbc-world status=503`.
    pub fn logfmt(&self) -> String {
        format!(
            "ts={} level={} event={}{}",
            rfc3339(self.at),
            self.level_name(),
            logfmt_value(&self.event),
            self.pairs()
        )
    }

    /// The fields as ` key=value` pairs, each with a space before it.
    pub fn pairs(&self) -> String {
        self.fields
            .iter()
            .fold(String::new(), |mut pairs, (name, value)| {
                let _ = write!(pairs, " {name}={}", logfmt_value(value.raw()));
                pairs
            })
    }

    /// One JSON object; a field of the name of ours (`ts`, `level`, `event`) gets a `_` behind it.
    pub fn json(&self) -> String {
        let mut line = format!(
            r#"{{"ts":"{}","level":"{}","event":{}"#,
            rfc3339(self.at),
            self.level_name(),
            json_string(&self.event)
        );
        for (name, value) in &self.fields {
            let clash = if matches!(*name, "ts" | "level" | "event") {
                "_"
            } else {
                ""
            };
            let _ = match value {
                Value::Text(text) => write!(line, r#","{name}{clash}":{}"#, json_string(text)),
                Value::Plain(text) => write!(line, r#","{name}{clash}":{text}"#),
            };
        }
        line.push('}');
        line
    }

    fn level_name(&self) -> &'static str {
        match self.level {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        }
    }

    fn keep(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.event = value.raw().to_owned();
        } else if self.fields.len() < FIELDS_MAX {
            self.fields.push((field.name(), value));
        }
    }
}

impl Visit for Record {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, Value::Text(bounded(format_args!("{value:?}"))));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, Value::Text(bounded(format_args!("{value}"))));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, Value::Plain(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, Value::Plain(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, Value::Plain(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is not a number.
        self.keep(
            field,
            if value.is_finite() {
                Value::Plain(value.to_string())
            } else {
                Value::Text(value.to_string())
            },
        );
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = bounded(format_args!("{value}"));
        let mut cause = value.source();
        // A chain of errors is short; sixteen ends one that is not.
        for _ in 0..16 {
            let Some(error) = cause else { break };
            text = bounded(format_args!("{text}: {error}"));
            cause = error.source();
        }
        self.keep(field, Value::Text(text));
    }
}

/// Formats without ever holding more than [`VALUE_BYTES_MAX`], and says with an ellipsis that there was more.
fn bounded(arguments: fmt::Arguments<'_>) -> String {
    struct Bounded(String);
    impl Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = VALUE_BYTES_MAX - self.0.len();
            if text.len() <= room {
                self.0.push_str(text);
                return Ok(());
            }
            self.0.push_str(&text[..text.floor_char_boundary(room)]);
            Err(fmt::Error)
        }
    }
    let mut bounded = Bounded(String::new());
    if bounded.write_fmt(arguments).is_err() {
        bounded.0.truncate(
            bounded
                .0
                .floor_char_boundary(VALUE_BYTES_MAX - '…'.len_utf8()),
        );
        bounded.0.push('…');
    }
    bounded.0
}

/// Whether a character may change more of a line or a terminal than its own cell: controls (with escape and the C1 set),
/// line and paragraph separators, bidirectional embeddings, overrides and isolates, and the invisible tags. Joiners and
/// directional marks stay: Persian and Hebrew need them, and they reach no further than their neighbours.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with every [unsafe](is_unsafe) character made visible: `\n`, `\u{1b}`.
pub fn escape(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_unsafe(c) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe.into()
}

/// Bare where nothing could be misread, else in quotes with JSON's escapes.
fn logfmt_value(text: &str) -> String {
    let is_bare = !text.is_empty()
        && !text
            .contains(|c: char| c.is_whitespace() || is_unsafe(c) || matches!(c, '"' | '=' | '\\'));
    if is_bare {
        text.to_owned()
    } else {
        json_string(text)
    }
}

/// A JSON string in which no unsafe character stands by itself: JSON's own rules stop at U+001F.
fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if is_unsafe(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a hostile title may try: a second line, a cleared screen, a C1 escape, a reversed line, tag characters.
    const HOSTILE: &str =
        "a\nlevel=error event=forged\r\x1b[2J\u{9b}31m\u{202e}gnp.exe\u{2028}\u{e0041}\"=\\\0";

    fn record(event: &str, value: &str) -> Record {
        Record {
            at: "2024-12-06T14:03:11.204Z".parse().unwrap(),
            level: Level::WARN,
            target: "wirewatch::poll".to_owned(),
            event: event.to_owned(),
            fields: vec![
                ("feed", Value::Text(value.to_owned())),
                ("status", Value::Plain("503".to_owned())),
            ],
        }
    }

    #[test]
    fn nothing_hostile_survives_in_any_form() {
        let record = record(HOSTILE, HOSTILE);
        for line in [record.human(false), record.logfmt(), record.json()] {
            assert!(!line.contains(is_unsafe), "{line:?}");
            assert!(
                !line.bytes().any(|byte| byte < 0x20 || byte == 0x7f),
                "{line:?}"
            );
        }
        let coloured = record.human(true);
        let stripped = anstream::adapter::strip_str(&coloured).to_string();
        assert_eq!(
            stripped,
            record.human(false),
            "the only escape sequences are our own"
        );
    }

    #[test]
    fn json_reads_back_as_it_was() {
        let value: serde_json::Value = serde_json::from_str(&record("x", HOSTILE).json()).unwrap();
        assert_eq!(value["feed"], HOSTILE);
        assert_eq!(value["status"], 503);
        assert_eq!(value["ts"], "2024-12-06T14:03:11.204Z");
    }

    #[test]
    fn the_forms() {
        for (value, shown) in [
            ("bbc-world", "bbc-world"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a=b", "\"a=b\""),
            ("https://x.example/?q=1", "\"https://x.example/?q=1\""),
            ("تقدم المعارضة", "\"تقدم المعارضة\""),
            ("نمی\u{200c}شود", "نمی\u{200c}شود"),
            ("\u{1b}[2J", "\"\\u001b[2J\""),
        ] {
            assert_eq!(
                record("feed failed", value).logfmt(),
                format!(
                    "ts=2024-12-06T14:03:11.204Z level=warn event=\"feed failed\" feed={shown} status=503"
                )
            );
        }
        assert!(
            record("feed failed", "bbc")
                .human(false)
                .ends_with(" WARN  feed failed feed=bbc status=503")
        );
    }

    #[test]
    fn escapes_show_what_was_there() {
        for (text, safe) in [
            ("plain", "plain"),
            ("tab\there", "tab\\there"),
            ("\u{1b}]0;x\u{7}", "\\u{1b}]0;x\\u{7}"),
            ("\u{202e}abc", "\\u{202e}abc"),
            ("שלום\u{200f}", "שלום\u{200f}"),
        ] {
            assert_eq!(escape(text), safe);
        }
    }
}
