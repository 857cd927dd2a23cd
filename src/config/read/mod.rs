//! A TOML table against its shape: everything in it is checked, all problems are found, what is good comes back as values.
//!
//! Written by hand over toml's parsed document rather than derived, because a derived reader stops at its first error and
//! forgets where the others are.

mod secret;
mod typed;

use std::{ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use self::typed::{fix, found, not_one_of};
use super::{
    checked::{Checked, Value, Written, complain},
    environment::Environment,
    keys,
    problem::Finding,
    shape::{Key, Kind, ReceiverType, Shape},
    source::{Source, Spot, inside_string},
    value::{self, Complaint, did_you_mean},
};
use crate::notice::RULE_PREFIX;

/// Reads one file.
pub struct Reader<'a> {
    pub environment: &'a Environment,
    pub source: &'a mut Source,
    /// The number of the file.
    pub file: usize,
    /// The folder of the file: paths in it start here.
    pub directory: &'a Path,
    pub findings: &'a mut Vec<Finding>,
    /// The name of the feed, rule, list or receiver that is being read, for messages.
    pub name: String,
    /// `watch` of `[rules]`, once it was read.
    pub watch: Option<(Spot, Option<Value>)>,
}

/// The name of [`keys::RULES_WATCH`] in a whole file.
pub const WATCH: &str = "rules.watch";

type Entry<'t, 'i> = (&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>);

impl Reader<'_> {
    /// The whole file.
    pub fn file(&mut self, table: &DeTable<'_>) -> Checked {
        let spot = self.spot(0..0);
        let mut file = self.table(table, spot, &keys::FILE);
        let watch = self.watch.take();
        file.entries
            .extend(watch.map(|(spot, value)| (WATCH, spot, value)));
        file
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
        name: &Spanned<DeString<'_>>,
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
            path => format!(" in `[{}]`", path.replace('*', &self.name)),
        };
        let finding = Finding::error(spot, format!("unknown key `{written}`{of}"));
        // Said only where there is no doubt: `url` stands in many tables.
        let elsewhere = || {
            let has_it = |keys: &[Key]| keys.iter().any(|key| key.name == written);
            let tables = [&keys::POLL, &keys::STORE, &keys::RECEIVER, &keys::RULE];
            let of_tables = tables.into_iter().filter(|table| has_it(table.keys));
            let of_types = keys::RECEIVER_TYPES.iter().filter(|kind| has_it(kind.keys));
            let mut owners = of_tables
                .map(|table| format!("under `[{}]`", table.path.replace('*', "NAME")))
                .chain(of_types.map(|kind| format!("to receivers of type {}", kind.name)));
            match (owners.next(), owners.next()) {
                (Some(owner), None) => Some(format!("`{written}` belongs {owner}")),
                _ => None,
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

    /// Tables by name; for receivers, each with the keys of its own type.
    fn named(
        &mut self,
        table: &DeTable<'_>,
        shape: &'static Shape,
        types: Option<&'static [ReceiverType]>,
    ) -> Vec<(Written, Checked)> {
        let mut named = Vec::with_capacity(table.len());
        for (key, value) in in_order(table) {
            let is_watch = std::ptr::eq(shape, &keys::RULE)
                && key.get_ref() == keys::RULES_WATCH.name
                && !matches!(value.get_ref(), DeValue::Table(_));
            if is_watch {
                let spot = self.spot(key.span());
                self.watch = Some((spot, self.value(&keys::RULES_WATCH, key, value)));
                continue;
            }
            let name = self.name_of(key);
            if let Err(complaint) = value::name(&name.text) {
                self.complain(&name, complaint);
            } else if std::ptr::eq(shape, &keys::RULE) && name.text.starts_with(RULE_PREFIX) {
                let complaint = Complaint::new("is a name of wirewatch's own notices");
                let begins = format!("begin it with something other than `{RULE_PREFIX}`");
                self.complain(&name, complaint.help(begins));
            }
            let DeValue::Table(table) = value.get_ref() else {
                let section = shape.path.split('.').next().unwrap_or("");
                if section == "receivers" {
                    self.hide(value);
                }
                let help = format!("write `[{section}.{}]` and its keys below", name.text);
                self.wrong_type(value, "a table", found(value.get_ref()), Some(help));
                continue;
            };
            self.name.clone_from(&name.text);
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
                    let complaint = not_one_of(name, "is not a type of receiver", &names);
                    let meant = did_you_mean(name, names.iter().copied());
                    let finding = Finding {
                        help: meant
                            .map(|meant| format!("did you mean `{meant}`?"))
                            .or(complaint.help),
                        ..Finding::error(spot, format!("{name:?} {}", complaint.message))
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
                    self.report(
                        finding.help(format!("add type = \"…\", one of {}", names.join(", "))),
                    );
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
            // Entries that were all bad have their own messages; `is empty` is for a list that is.
            entries: match entries.is_empty() && !table.is_empty() {
                true => Vec::new(),
                false => vec![("entries", spot, Some(Value::Entries(entries)))],
            },
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
                    Finding::error(spot, message)
                        .help("write `$${` where the text itself has these characters"),
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

    /// Keeps every string of a value out of all messages.
    fn hide(&mut self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => table.iter().for_each(|(_, value)| self.hide(value)),
            DeValue::Array(array) => array.iter().for_each(|value| self.hide(value)),
            _ => self.source.secrets.push(value.span()),
        }
    }

    fn name_of(&self, name: &Spanned<DeString<'_>>) -> Written {
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

/// The entries of a table in the order of the file.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> impl Iterator<Item = Entry<'t, 'i>> {
    let mut entries: Vec<Entry<'t, 'i>> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries.into_iter()
}
