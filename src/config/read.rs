//! A TOML table against its shape: everything in it is checked, all problems are found, what is good comes back as values.
//!
//! Written by hand over toml's parsed document rather than derived, because a derived reader stops at its first error and
//! forgets where the others are.

use std::{ops::Range, path::Path, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    environment::Environment,
    keys, not_yet,
    problem::Finding,
    shape::{Key, Kind, ReceiverType, Shape},
    source::{Source, Spot, inside_string},
    value::{self, Complaint, did_you_mean},
};
use crate::{
    model::Severity,
    secret::Secret,
    time::{parse_duration, show_duration},
};

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
    entries: Vec<(&'static str, Spot, Option<Value>)>,
}

/// A value as its [`Kind`] says.
#[derive(Clone, Debug)]
enum Value {
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
    /// Checked for a version that uses it.
    Later,
    Named(Vec<(Written, Checked)>),
}

/// Reads one file.
pub struct Reader<'a> {
    pub environment: &'a Environment,
    pub source: &'a mut Source,
    /// The number of the file.
    pub file: usize,
    /// The folder of the file: paths in it start here.
    pub directory: &'a Path,
    pub findings: &'a mut Vec<Finding>,
}

type Entry<'t, 'i> = (
    &'t Spanned<toml::de::DeString<'i>>,
    &'t Spanned<DeValue<'i>>,
);

impl Reader<'_> {
    /// The whole file.
    pub fn file(&mut self, table: &DeTable<'_>) -> Checked {
        let spot = self.spot(0..0);
        self.table(table, spot, &keys::FILE)
    }

    fn table(&mut self, table: &DeTable<'_>, spot: Spot, shape: &'static Shape) -> Checked {
        self.table_of(table, spot, shape, &[], &|_| false)
    }

    /// A table with the keys of its shape and some more, and some left aside.
    fn table_of(
        &mut self,
        table: &DeTable<'_>,
        spot: Spot,
        shape: &'static Shape,
        more: &'static [Key],
        is_aside: &dyn Fn(&str) -> bool,
    ) -> Checked {
        let mut entries = Vec::with_capacity(table.len());
        for (name, value) in in_order(table).filter(|(name, _)| !is_aside(name.get_ref())) {
            let known = shape
                .keys
                .iter()
                .chain(more)
                .find(|key| key.name == name.get_ref());
            let Some(key) = known else {
                self.unknown_key(name, value, shape, more);
                continue;
            };
            if let Some(what) = not_yet::what(shape.path, key.name) {
                let spot = self.spot(name.span());
                self.report(Finding::error(
                    spot,
                    format!("not supported yet: {what} (`{}`)", key.name),
                ));
            }
            let read = self.value(key, name, value);
            entries.push((key.name, self.spot(value.span()), read));
        }
        for key in shape.keys.iter().chain(more).filter(|key| key.is_required) {
            let is_missing = !table.iter().any(|(name, _)| name.get_ref() == key.name);
            if is_missing && !self.source.is_broken {
                let finding = Finding::error(spot, format!("`{}` is missing", key.name));
                let example = key
                    .examples
                    .first()
                    .map(|example| format!("add {} = {example}", key.name));
                self.report(Finding {
                    help: example,
                    ..finding
                });
            }
        }
        Checked { spot, entries }
    }

    fn unknown_key(
        &mut self,
        name: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        shape: &'static Shape,
        more: &'static [Key],
    ) {
        let written = name.get_ref();
        let known = || shape.keys.iter().chain(more);
        if known().any(|key| matches!(key.kind, Kind::Secret | Kind::Secrets)) {
            // It may well be a misspelt secret.
            self.hide(value);
        }
        let spot = self.spot(name.span());
        let of = match shape.path {
            "" => String::new(),
            path => format!(" in `[{}]`", path.replace('*', "…")),
        };
        let finding = Finding::error(spot, format!("unknown key `{written}`{of}"));
        let elsewhere = || {
            let tables = [
                &keys::POLL,
                &keys::STORE,
                &keys::FEED,
                &keys::RECEIVER,
                &keys::RULE,
            ];
            let of_table = tables
                .into_iter()
                .find(|table| table.keys.iter().any(|key| key.name == written));
            let of_type = keys::RECEIVER_TYPES
                .iter()
                .find(|kind| kind.keys.iter().any(|key| key.name == written));
            match (of_table, of_type) {
                (Some(table), _) => Some(format!(
                    "`{written}` belongs under `[{}]`",
                    table.path.replace('*', "NAME")
                )),
                (None, Some(kind)) => Some(format!(
                    "`{written}` belongs to receivers of type {}",
                    kind.name
                )),
                (None, None) => None,
            }
        };
        let help = match did_you_mean(written, known().map(|key| key.name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => elsewhere().unwrap_or_else(|| {
                let names: Vec<&str> = known().map(|key| key.name).collect();
                format!("known here: {}", names.join(", "))
            }),
        };
        self.report(finding.help(help));
    }

    /// A value as its key wants it; `None` where it is not, which is reported.
    fn value(
        &mut self,
        key: &Key,
        name: &Spanned<toml::de::DeString<'_>>,
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
                for element in array.iter() {
                    let spot = self.spot(element.span());
                    match element.get_ref() {
                        DeValue::Table(table) => drop(self.table(table, spot, shape)),
                        other => self.wrong_type(element, "a table", found(other), None),
                    }
                }
                Some(Value::Later)
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
    fn strings(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Written> {
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

    /// Tables by name; for receivers, each with the keys of its own type.
    fn named(
        &mut self,
        table: &DeTable<'_>,
        shape: &'static Shape,
        types: Option<&'static [ReceiverType]>,
    ) -> Vec<(Written, Checked)> {
        let mut named = Vec::with_capacity(table.len());
        for (name, value) in in_order(table) {
            let name = self.name_of(name);
            if let Err(complaint) = value::name(&name.text) {
                self.complain(&name, complaint);
            }
            let DeValue::Table(table) = value.get_ref() else {
                let section = shape.path.split('.').next().unwrap_or("");
                if section == "receivers" {
                    self.hide(value);
                }
                let help = format!("write `[{section}.{}]` and its keys below", name.text);
                let one = shape.about.split('.').next().unwrap_or("").to_lowercase();
                self.wrong_type(
                    value,
                    &format!("a table ({one})"),
                    found(value.get_ref()),
                    Some(help),
                );
                continue;
            };
            let checked = match types {
                None if std::ptr::eq(shape, &keys::LIST) => self.list(table, name.spot),
                None => self.table(table, name.spot, shape),
                Some(types) => self.receiver(table, name.spot, types),
            };
            named.push((name, checked));
        }
        named
    }

    fn receiver(
        &mut self,
        table: &DeTable<'_>,
        spot: Spot,
        types: &'static [ReceiverType],
    ) -> Checked {
        let names: Vec<&str> = types.iter().map(|kind| kind.name).collect();
        let of_type = table
            .iter()
            .find(|(name, _)| name.get_ref() == "type")
            .map(|(_, value)| value);
        let kind = match of_type.map(|value| (value, value.get_ref())) {
            Some((value, DeValue::String(name))) => {
                let known = types.iter().find(|kind| kind.name == name);
                if known.is_none() {
                    let spot = self.spot(value.span());
                    let finding = match keys::RECEIVER_TYPES_LATER.contains(&&**name) {
                        true => Finding::error(
                            spot,
                            format!("not supported yet: receivers of type {name:?}"),
                        )
                        .help(format!("supported: {}", names.join(", "))),
                        false => {
                            let later = keys::RECEIVER_TYPES_LATER.iter().copied();
                            let complaint = not_one_of(name, "is not a type of receiver", &names);
                            let meant = did_you_mean(name, names.iter().copied().chain(later));
                            Finding {
                                help: meant
                                    .map(|meant| format!("did you mean `{meant}`?"))
                                    .or(complaint.help),
                                ..Finding::error(spot, format!("{name:?} {}", complaint.message))
                            }
                        }
                    };
                    self.report(finding);
                }
                known
            }
            Some((value, other)) => {
                self.wrong_type(value, "`type` must be a string", found(other), None);
                None
            }
            None => {
                if !self.source.is_broken {
                    let finding = Finding::error(spot, "`type` is missing");
                    self.report(finding.help(format!(
                        "add type = \"stdout\", or another of {}",
                        names.join(", ")
                    )));
                }
                None
            }
        };
        // Whose keys these are cannot be said before the type is right; they may be secrets.
        let is_aside = |name: &str| match kind {
            Some(_) => name == "type",
            None => !keys::RECEIVER.keys.iter().any(|key| key.name == name),
        };
        for (name, value) in table.iter() {
            if kind.is_none() && name.get_ref() != "type" && is_aside(name.get_ref()) {
                self.hide(value);
            }
        }
        let more = kind.map_or(&[][..], |kind| kind.keys);
        let mut checked = self.table_of(table, spot, &keys::RECEIVER, more, &is_aside);
        if let (Some(kind), Some(value)) = (kind, of_type) {
            let written = Written {
                text: kind.name.to_owned(),
                spot: self.spot(value.span()),
                is_expanded: false,
            };
            checked
                .entries
                .push(("type", written.spot, Some(Value::Text(written))));
        }
        checked
    }

    /// A list's entries: an array for each language, or `any`.
    fn list(&mut self, table: &DeTable<'_>, spot: Spot) -> Checked {
        let mut entries = Vec::new();
        for (key, value) in in_order(table) {
            let lang = match key.get_ref().as_ref() {
                "any" => Ok(None),
                code => value::lang(code).map(Some),
            };
            let lang = match lang {
                Ok(lang) => lang,
                Err(complaint) => {
                    let key = self.name_of(key);
                    let help = format!(
                        "{}, or `any` for words of no particular language",
                        complaint.help.unwrap_or_default()
                    );
                    self.complain(&key, Complaint::new(complaint.message).help(help));
                    continue;
                }
            };
            match value.get_ref() {
                DeValue::Array(_) => entries.extend(
                    self.strings(value)
                        .into_iter()
                        .map(|text| (lang.clone(), text)),
                ),
                other => {
                    let help = fix(Kind::Queries, other);
                    self.wrong_type(
                        value,
                        &format!("`{}` must be a list of strings", key.get_ref()),
                        found(other),
                        help,
                    );
                }
            }
        }
        Checked {
            spot,
            entries: vec![("entries", spot, Some(Value::Entries(entries)))],
        }
    }

    /// A secret from wherever it stands. What is written here is never shown.
    fn secret(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Secret> {
        let spot = self.spot(value.span());
        let how = r#"write a string, "${NAME}", { file = "path" } or { credential = "name" }"#;
        let found_secret = match value.get_ref() {
            DeValue::String(text) => {
                let mut written = Written {
                    text: text.to_string(),
                    spot,
                    is_expanded: false,
                };
                if !is_one_variable(text) {
                    self.hide(value);
                }
                self.expand(&mut written).then_some(written.text)?
            }
            DeValue::Table(table) if table.len() == 1 => {
                let (name, from) = in_order(table).next()?;
                let DeValue::String(place) = from.get_ref() else {
                    self.hide(value);
                    self.wrong_type(
                        from,
                        "the place of a secret must be a string",
                        found(from.get_ref()),
                        None,
                    );
                    return None;
                };
                let mut place = Written {
                    text: place.to_string(),
                    spot: self.spot(from.span()),
                    is_expanded: false,
                };
                match name.get_ref().as_ref() {
                    "file" | "credential" if !self.expand(&mut place) => return None,
                    "file" => {
                        let path = self.directory.join(&place.text);
                        self.secret_file(&place, &path)?
                    }
                    "credential" => {
                        let is_plain_name = !place.text.is_empty()
                            && !place.text.contains('/')
                            && !place.text.starts_with('.');
                        if !is_plain_name {
                            self.complain(
                                &place,
                                Complaint::new("is not the name of a credential"),
                            );
                            return None;
                        }
                        let Some(folder) = &self.environment.credentials_directory else {
                            let finding = Finding::error(
                                place.spot,
                                "there are no credentials: $CREDENTIALS_DIRECTORY is not set",
                            );
                            self.report(finding.help(format!(
                                "systemd sets it for a service with LoadCredential={}:…; elsewhere use {{ file = \"path\" }}",
                                place.text
                            )));
                            return None;
                        };
                        let path = self.environment.resolve(folder).join(&place.text);
                        self.secret_file(&place, &path)?
                    }
                    other => {
                        self.hide(from);
                        let spot = self.spot(name.span());
                        let finding =
                            Finding::error(spot, format!("unknown place of a secret: `{other}`"));
                        let meant = did_you_mean(other, ["file", "credential"].into_iter());
                        self.report(finding.help(meant.map_or_else(
                            || how.to_owned(),
                            |meant| format!("did you mean `{meant}`?"),
                        )));
                        return None;
                    }
                }
            }
            other => {
                self.hide(value);
                self.wrong_type(
                    value,
                    "a secret must be a string or say where it is",
                    found(other),
                    Some(how.to_owned()),
                );
                return None;
            }
        };
        if found_secret.is_empty() {
            self.report(Finding::error(spot, "the secret is empty"));
            return None;
        }
        Some(Secret::new(found_secret))
    }

    fn secret_file(&mut self, place: &Written, path: &Path) -> Option<String> {
        let read = read_secret(&self.environment.resolve(path));
        match read {
            Ok(secret) => Some(secret),
            Err(error) => {
                let shown = if place.is_expanded {
                    "the secret".to_owned()
                } else {
                    format!("the secret {:?}", place.text)
                };
                self.report(Finding::error(
                    place.spot,
                    format!("cannot read {shown}: {error}"),
                ));
                None
            }
        }
    }

    /// Replaces `${NAME}`; `false` where that fails, which is reported.
    fn expand(&mut self, written: &mut Written) -> bool {
        if !written.text.contains("${") {
            return true;
        }
        match self.environment.expand(&written.text) {
            Ok(text) => {
                written.text = text;
                written.is_expanded = true;
                true
            }
            Err((range, message)) => {
                let spot = self.inside(written.spot, range);
                self.report(
                    Finding::error(spot, message).help("write `$${` for the characters themselves"),
                );
                false
            }
        }
    }

    /// A problem with a string, its value in front: `"5 min" is not a duration`.
    pub fn complain(&mut self, written: &Written, complaint: Complaint) {
        let finding = complain(self.source, written, complaint);
        self.report(finding);
    }

    fn wrong_type(
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

    /// Keeps every string of a value out of all messages.
    fn hide(&mut self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => table.iter().for_each(|(_, value)| self.hide(value)),
            DeValue::Array(array) => array.iter().for_each(|value| self.hide(value)),
            _ => self.source.secrets.push(value.span()),
        }
    }

    fn name_of(&self, name: &Spanned<toml::de::DeString<'_>>) -> Written {
        Written {
            text: name.get_ref().to_string(),
            spot: self.spot(name.span()),
            is_expanded: false,
        }
    }

    fn inside(&self, spot: Spot, range: Range<usize>) -> Spot {
        Spot::new(
            self.file,
            inside_string(&self.source.text, spot.range(), range),
        )
    }

    fn spot(&self, range: Range<usize>) -> Spot {
        Spot::new(self.file, range)
    }

    fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
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

/// The longest secret file.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// The text of a file, without the line break that editors leave at its end.
fn read_secret(path: &Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| super::include::say(&error))?;
    match () {
        () if !about.is_file() => return Err("it is not a file".to_owned()),
        () if about.len() > SECRET_BYTES_MAX => {
            return Err("it is too large for a secret".to_owned());
        }
        () => (),
    }
    let bytes = std::fs::read(path).map_err(|error| super::include::say(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// The entries of a table in the order of the file.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> impl Iterator<Item = Entry<'t, 'i>> {
    let mut entries: Vec<Entry<'t, 'i>> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries.into_iter()
}

/// `${NAME}` and nothing else: that is no secret.
fn is_one_variable(text: &str) -> bool {
    let name = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

fn time(text: &str, min: Duration, max: Duration) -> Result<Duration, Complaint> {
    let duration = parse_duration(text).map_err(|_| {
        Complaint::new("is not a duration")
            .help("write a whole number and ms, s, m, h or d, such as 90s, 5m, 2h or 14d")
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
fn not_one_of(text: &str, message: &str, choices: &[&str]) -> Complaint {
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

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What to write instead of a value of the wrong type, where that can be guessed.
fn fix(kind: Kind, value: &DeValue<'_>) -> Option<String> {
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

    pub fn named(&self, name: &str) -> &[(Written, Checked)] {
        match self.get(name) {
            Some(Value::Named(named)) => named,
            _ => &[],
        }
    }
}
