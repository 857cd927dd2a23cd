//! One value against its kind.

use std::time::Duration;

use toml::{
    Spanned,
    de::{DeString, DeValue},
};

use super::{Reader, in_order};
use crate::{
    config::{
        checked::{Value, Written},
        keys,
        problem::Finding,
        shape::{Key, Kind},
        value::{self, Complaint, did_you_mean},
    },
    model::Severity,
    time::{parse_duration, show_duration},
};

impl Reader<'_> {
    /// A value as its key wants it; `None` where it is not, which is reported.
    pub(super) fn value(
        &mut self,
        key: &Key,
        name: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Value> {
        let at = self.spot(value.span());
        match (key.kind, value.get_ref()) {
            (Kind::Secret, _) => self.secret(value).map(Value::Secret),
            (Kind::Secrets, DeValue::Table(table)) => {
                let mut secrets = Vec::with_capacity(table.len());
                for (name, value) in in_order(table) {
                    if let Some(secret) = self.secret(value) {
                        secrets.push((self.name_of(name), secret));
                    }
                }
                Some(Value::Secrets(secrets))
            }
            (Kind::Bool, DeValue::Boolean(is_set)) => Some(Value::Bool(*is_set)),
            (Kind::Integer { min, max }, DeValue::Integer(number)) => {
                let digits = number.as_str().replace('_', "");
                match i64::from_str_radix(&digits, number.radix()) {
                    Ok(number) if (min..=max).contains(&number) => Some(Value::Integer(number)),
                    _ => {
                        self.report(Finding::error(
                            at,
                            format!("`{}` must be from {min} to {max}", key.name),
                        ));
                        None
                    }
                }
            }
            (Kind::Table(shape), DeValue::Table(table)) => {
                let spot = self.spot(name.span());
                Some(Value::Table(self.table(table, spot, shape)))
            }
            (Kind::Tables(shape), DeValue::Array(array)) => {
                let mut tables = Vec::with_capacity(array.len());
                for element in array.iter() {
                    let spot = self.spot(element.span());
                    match element.get_ref() {
                        DeValue::Table(table) => tables.push(self.table(table, spot, shape)),
                        other => self.wrong_type(element, "a table", found(other), None),
                    }
                }
                Some(Value::Tables(tables))
            }
            (Kind::Named(shape), DeValue::Table(table)) => {
                Some(Value::Named(self.named(table, shape, None)))
            }
            (Kind::Receivers(types), DeValue::Table(table)) => Some(Value::Named(self.named(
                table,
                &keys::RECEIVER,
                Some(types),
            ))),
            (Kind::Queries, DeValue::Array(_)) => Some(Value::Texts(self.strings(value))),
            (Kind::Texts | Kind::Globs | Kind::Langs, DeValue::Array(_)) => {
                let mut texts = Vec::new();
                for mut text in self.strings(value) {
                    if self.expand(&mut text) && self.element(key.kind, &mut text) {
                        texts.push(text);
                    }
                }
                Some(Value::Texts(texts))
            }
            (kind, DeValue::String(text)) if is_string(kind) => {
                let mut written = Written {
                    text: text.to_string(),
                    spot: at,
                    is_expanded: false,
                };
                match self.expand(&mut written) {
                    true => self.string(kind, written),
                    false => None,
                }
            }
            (kind, other) => {
                let help = fix(kind, other);
                self.wrong_type(value, &wanted(key), found(other), help);
                None
            }
        }
    }

    /// A string that stands for something.
    fn string(&mut self, kind: Kind, mut written: Written) -> Option<Value> {
        let text = written.text.as_str();
        let read = match kind {
            Kind::Text => Ok(Value::Text(written.clone())),
            Kind::Time { min, max } => time(text, min, max).map(Value::Time),
            Kind::Bytes { min, max } => value::size(text).and_then(|size| match size {
                _ if size < min => Err(Complaint::new(format!(
                    "is too small: the least is {}",
                    value::show_size(min)
                ))),
                _ if size > max => Err(Complaint::new(format!(
                    "is too large: the most is {}",
                    value::show_size(max)
                ))),
                _ => Ok(Value::Size(size)),
            }),
            Kind::Severity => {
                let names = Severity::ALL.map(Severity::name);
                let severity = Severity::parse(text).map(Value::Severity);
                severity.ok_or_else(|| not_one_of(text, "is not a severity", &names))
            }
            Kind::Choice(choices) => match choices.contains(&text) {
                true => Ok(Value::Text(written.clone())),
                false => Err(not_one_of(text, "is not known here", choices)),
            },
            Kind::Rate => value::rate(text).map(|()| Value::Text(written.clone())),
            Kind::Hours => value::hours(text).map(|()| Value::Text(written.clone())),
            Kind::TimeZone => value::time_zone(text).map(|()| Value::Text(written.clone())),
            Kind::Lang => {
                return match self.element(Kind::Langs, &mut written) {
                    true => Some(Value::Text(written)),
                    false => None,
                };
            }
            _ => return None,
        };
        match read {
            Ok(value) => Some(value),
            Err(complaint) => {
                self.complain(&written, complaint);
                None
            }
        }
    }

    /// Whether one string of a list is good; languages are brought to their short form.
    fn element(&mut self, kind: Kind, written: &mut Written) -> bool {
        let checked = match kind {
            Kind::Langs => value::lang(&written.text).map(|code| written.text = code),
            Kind::Globs => {
                let pattern = written.text.strip_prefix("tag:").unwrap_or(&written.text);
                let glob = globset::Glob::new(pattern);
                glob.map(drop)
                    .map_err(|error| Complaint::new(format!("is not a glob: {}", error.kind())))
            }
            _ if written.text.is_empty() => Err(Complaint::new("is empty")),
            _ => Ok(()),
        };
        match checked {
            Ok(()) => true,
            Err(complaint) => {
                let written = written.clone();
                self.complain(&written, complaint);
                false
            }
        }
    }

    /// The strings of an array, as they stand there.
    pub(super) fn strings(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Written> {
        let DeValue::Array(array) = value.get_ref() else {
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(array.len());
        for element in array.iter() {
            match element.get_ref() {
                DeValue::String(text) => texts.push(Written {
                    text: text.to_string(),
                    spot: self.spot(element.span()),
                    is_expanded: false,
                }),
                other => self.wrong_type(element, "a string", found(other), None),
            }
        }
        texts
    }

    pub(super) fn wrong_type(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        wanted: &str,
        found: &str,
        help: Option<String>,
    ) {
        let spot = self.spot(value.span());
        let message = match wanted.contains("must be") {
            true => format!("{wanted}, not {found}"),
            false => format!("expected {wanted}, found {found}"),
        };
        self.report(Finding {
            help,
            ..Finding::error(spot, message)
        });
    }
}

fn time(text: &str, min: Duration, max: Duration) -> Result<Duration, Complaint> {
    let duration =
        parse_duration(text).map_err(|message| match message.split_once(" is too long") {
            Some((_, most)) => Complaint::new(format!("is too long{most}")),
            None => Complaint::new("is not a duration")
                .help("write a whole number and ms, s, m, h or d, such as 90s, 5m, 2h or 14d"),
        })?;
    match duration {
        _ if duration < min => Err(Complaint::new(format!(
            "is too short: the least is {}",
            show_duration(min)
        ))),
        _ if duration > max => Err(Complaint::new(format!(
            "is too long: the most is {}",
            show_duration(max)
        ))),
        _ => Ok(duration),
    }
}

/// `"hihg" is not a severity`, with what it could be.
pub(super) fn not_one_of(text: &str, message: &str, choices: &[&str]) -> Complaint {
    let complaint = Complaint::new(message);
    match did_you_mean(text, choices.iter().copied()) {
        Some(meant) => complaint.help(format!("did you mean `{meant}`?")),
        None => complaint.help(format!("write one of {}", choices.join(", "))),
    }
}

/// Whether a kind is written as one string.
fn is_string(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Text
            | Kind::Time { .. }
            | Kind::Bytes { .. }
            | Kind::Severity
            | Kind::Choice(_)
            | Kind::Rate
            | Kind::Hours
            | Kind::TimeZone
            | Kind::Lang
    )
}

fn wanted(key: &Key) -> String {
    let what = match key.kind {
        Kind::Bool => "true or false",
        Kind::Integer { .. } => "a whole number",
        Kind::Time { .. } => "a duration such as \"5m\"",
        Kind::Bytes { .. } => "a size such as \"8MiB\"",
        Kind::Texts | Kind::Globs | Kind::Langs | Kind::Queries => "a list of strings",
        Kind::Table(_) | Kind::Named(_) | Kind::Receivers(_) | Kind::Secrets => "a table",
        Kind::Tables(_) => "a list of tables",
        _ => "a string",
    };
    format!("`{}` must be {what}", key.name)
}

pub(super) fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What to write instead of a value of the wrong type, where that can be guessed.
pub(super) fn fix(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match (kind, value) {
        (Kind::Bool, DeValue::String(text)) => match text.as_ref() {
            "true" | "yes" | "on" => Some("write true, without quotes".to_owned()),
            "false" | "no" | "off" => Some("write false, without quotes".to_owned()),
            _ => None,
        },
        (Kind::Integer { .. }, DeValue::String(text)) if text.parse::<i64>().is_ok() => {
            Some(format!("write {text}, without quotes"))
        }
        (Kind::Time { .. }, DeValue::Integer(number)) => {
            Some(format!("write \"{number}s\" for seconds"))
        }
        (Kind::Bytes { .. }, DeValue::Integer(number)) => {
            Some(format!("write \"{number}B\" for bytes"))
        }
        (Kind::Texts | Kind::Globs | Kind::Langs | Kind::Queries, DeValue::String(_)) => {
            Some("put it in brackets: [\"…\"]".to_owned())
        }
        (Kind::Named(shape), DeValue::Array(_)) => Some(format!(
            "write `[{}]`, one bracket, with a name",
            shape.path.replace('*', "NAME")
        )),
        (Kind::Receivers(_), DeValue::Array(_)) => {
            Some("write `[receivers.NAME]`, one bracket, with a name".to_owned())
        }
        _ => None,
    }
}
