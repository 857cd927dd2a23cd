//! Tables that fit their shape, with typed ways to their values.

use std::time::Duration;

use super::{
    problem::Finding,
    source::{Source, Spot, inside_string},
    value::Complaint,
};
use crate::{model::Severity, secret::Secret};

/// A string of a file.
#[derive(Clone, Debug)]
pub struct Written {
    pub text: String,
    /// Quotes included.
    pub spot: Spot,
    /// Whether part of the text came from the environment: then it is not repeated in messages.
    pub is_expanded: bool,
}

/// A table whose values fit its shape; what did not fit is left out and reported.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its name or its key.
    pub spot: Spot,
    /// `None` where the value was written and is not good.
    pub(super) entries: Vec<(&'static str, Spot, Option<Value>)>,
}

/// A table with the name it stands under.
pub type Named<'a> = (&'a Written, &'a Checked);

/// A value as its [`Kind`] says.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Bool(bool),
    Integer(i64),
    Text(Written),
    Time(Duration),
    Size(u64),
    Severity(Severity),
    Secret(Secret),
    Secrets(Vec<(Written, Secret)>),
    Texts(Vec<Written>),
    Entries(Vec<(Option<String>, Written)>),
    Table(Checked),
    Tables(Vec<Checked>),
    Named(Vec<(Written, Checked)>),
}

/// A problem with a string of `source`.
pub fn complain(source: &Source, written: &Written, complaint: Complaint) -> Finding {
    let spot = match complaint.range {
        Some(range) if !written.is_expanded => Spot::new(
            written.spot.file(),
            inside_string(&source.text, written.spot.range(), range),
        ),
        _ => written.spot,
    };
    let value = match written.is_expanded {
        true => "the value".to_owned(),
        false => shorten(&written.text),
    };
    Finding {
        help: complaint.help,
        ..Finding::error(spot, format!("{value} {}", complaint.message))
    }
}

/// A value as a message repeats it.
fn shorten(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((at, _)) => format!("{:?}…", text.get(..at).unwrap_or("")),
        None => format!("{text:?}"),
    }
}

impl Checked {
    fn get(&self, name: &str) -> Option<&Value> {
        let entry = self.entries.iter().find(|(key, ..)| *key == name);
        entry.and_then(|(.., value)| value.as_ref())
    }

    /// Where the value of a key stands; the table where it has none.
    pub fn spot_of(&self, name: &str) -> Spot {
        let entry = self.entries.iter().find(|(key, ..)| *key == name);
        entry.map_or(self.spot, |(_, spot, _)| *spot)
    }

    /// Whether the key is there with a good value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the key is there, good or not.
    pub fn is_written(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, ..)| *key == name)
    }

    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(Value::Bool(is_set)) => Some(*is_set),
            _ => None,
        }
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    pub fn written(&self, name: &str) -> Option<&Written> {
        match self.get(name) {
            Some(Value::Text(written)) => Some(written),
            _ => None,
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.written(name).map(|written| written.text.as_str())
    }

    pub fn time(&self, name: &str) -> Option<Duration> {
        match self.get(name) {
            Some(Value::Time(duration)) => Some(*duration),
            _ => None,
        }
    }

    pub fn size(&self, name: &str) -> Option<u64> {
        match self.get(name) {
            Some(Value::Size(bytes)) => Some(*bytes),
            _ => None,
        }
    }

    pub fn severity(&self, name: &str) -> Option<Severity> {
        match self.get(name) {
            Some(Value::Severity(severity)) => Some(*severity),
            _ => None,
        }
    }

    pub fn secret(&self, name: &str) -> Option<&Secret> {
        match self.get(name) {
            Some(Value::Secret(secret)) => Some(secret),
            _ => None,
        }
    }

    pub fn secrets(&self, name: &str) -> &[(Written, Secret)] {
        match self.get(name) {
            Some(Value::Secrets(secrets)) => secrets,
            _ => &[],
        }
    }

    pub fn texts(&self, name: &str) -> &[Written] {
        match self.get(name) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// The strings of a list alone.
    pub fn words(&self, name: &str) -> Vec<String> {
        self.texts(name)
            .iter()
            .map(|written| written.text.clone())
            .collect()
    }

    pub fn entries(&self, name: &str) -> &[(Option<String>, Written)] {
        match self.get(name) {
            Some(Value::Entries(entries)) => entries,
            _ => &[],
        }
    }

    pub fn table(&self, name: &str) -> Option<&Checked> {
        match self.get(name) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        }
    }

    pub fn tables(&self, name: &str) -> &[Checked] {
        match self.get(name) {
            Some(Value::Tables(tables)) => tables,
            _ => &[],
        }
    }

    pub fn named(&self, name: &str) -> &[(Written, Checked)] {
        match self.get(name) {
            Some(Value::Named(named)) => named,
            _ => &[],
        }
    }
}
