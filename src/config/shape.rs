//! What may stand in a configuration, said once: the reader checks files against these shapes and the JSON Schema is
//! written from them, so that an editor and `check` cannot disagree.

use std::time::Duration;

/// A table: its keys, what it is for, and where it stands (`rules.*` for each rule).
#[derive(Debug)]
pub struct Shape {
    pub path: &'static str,
    pub about: &'static str,
    pub keys: &'static [Key],
}

/// One key of a table.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub about: &'static str,
    /// TOML values, as they are written after the equals sign.
    pub examples: &'static [&'static str],
    /// What holds where the key is absent, as a TOML value.
    pub default: Option<&'static str>,
    pub is_required: bool,
}

/// What may stand behind an equals sign.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Bool,
    Integer {
        min: i64,
        max: i64,
    },
    /// A string in which `${NAME}` is replaced.
    Text,
    /// `90s`, `5m`, `2h`, `14d`.
    Time {
        min: Duration,
        max: Duration,
    },
    /// Bytes: `512KiB`, `8MiB`.
    Bytes {
        min: u64,
        max: u64,
    },
    Severity,
    Choice(&'static [&'static str]),
    /// A number of things in a time: `30/h`.
    Rate,
    /// Two times of day: `22:00-06:30`.
    Hours,
    /// A name of the IANA time zone database.
    TimeZone,
    /// A string, `{ file = "…" }` or `{ credential = "…" }`.
    Secret,
    /// Names with secret values.
    Secrets,
    /// A list of strings in which `${NAME}` is replaced.
    Texts,
    /// A list of globs.
    Globs,
    /// A list of language codes.
    Langs,
    /// One language code.
    Lang,
    /// A list of strings taken as they are: queries, headlines.
    Queries,
    Table(&'static Shape),
    /// A list of tables.
    Tables(&'static Shape),
    /// Tables by name.
    Named(&'static Shape),
    /// Receivers by name: a table whose `type` decides its further keys.
    Receivers(&'static [ReceiverType]),
}

/// A kind of receiver with its own keys.
#[derive(Debug)]
pub struct ReceiverType {
    pub name: &'static str,
    pub about: &'static str,
    pub keys: &'static [Key],
}

impl Key {
    /// A key that may be left out.
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Key {
        Key {
            name,
            kind,
            about,
            examples: &[],
            default: None,
            is_required: false,
        }
    }

    pub const fn required(self) -> Key {
        Key {
            is_required: true,
            ..self
        }
    }

    pub const fn default(self, value: &'static str) -> Key {
        Key {
            default: Some(value),
            ..self
        }
    }

    pub const fn examples(self, examples: &'static [&'static str]) -> Key {
        Key { examples, ..self }
    }
}
