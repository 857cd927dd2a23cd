//! The JSON Schema of a configuration file, written from the same table that `check` reads by: editors complete keys and
//! mark mistakes before `check` is run.

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::{
    keys,
    shape::{Key, Kind, ReceiverType, Shape},
    value::show_size,
};
use crate::{model::Severity, time::show_duration};

/// The schema of every configuration file: the main one and those it includes.
pub fn schema() -> Schema {
    let mut root = table(&keys::FILE, &[]);
    root.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    root.insert("title".to_owned(), json!("wirewatch configuration"));
    // A file that is included may hold any part: nothing at the top is required.
    root.remove("required");
    Schema::from(root)
}

/// The schema as the file that is shipped beside the configuration.
pub fn text() -> String {
    let schema =
        serde_json::to_string_pretty(&schema()).expect("a tree of strings always becomes JSON");
    schema + "\n"
}

fn table(shape: &Shape, more: &[Key]) -> Map<String, Value> {
    let keys = || shape.keys.iter().chain(more);
    let properties: Map<String, Value> = keys()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<&str> = keys()
        .filter(|key| key.is_required)
        .map(|key| key.name)
        .collect();
    let mut table = object(json!({
        "type": "object",
        "description": shape.about,
        "properties": properties,
        "additionalProperties": false,
    }));
    if !required.is_empty() {
        table.insert("required".to_owned(), json!(required));
    }
    table
}

fn property(key: &Key) -> Value {
    let mut property = kind(key.kind);
    property.insert("description".to_owned(), json!(key.about));
    if let Some(default) = key.default {
        property.insert("default".to_owned(), example(default));
    }
    if !key.examples.is_empty() {
        let examples: Vec<Value> = key.examples.iter().copied().map(example).collect();
        property.insert("examples".to_owned(), json!(examples));
    }
    Value::Object(property)
}

fn kind(kind: Kind) -> Map<String, Value> {
    let strings = || json!({ "type": "array", "items": { "type": "string" } });
    let named = |each: Value| json!({ "type": "object", "propertyNames": { "pattern": NAME }, "additionalProperties": each });
    object(match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Text | Kind::TimeZone => json!({ "type": "string" }),
        Kind::Time { min, max } => {
            let range = format!("from {} to {}", show_duration(min), show_duration(max));
            json!({ "type": "string", "pattern": or_variable("[0-9]+(ms|s|m|h|d|w)"), "title": format!("a duration {range}") })
        }
        Kind::Bytes { min, max } => {
            let range = format!("from {} to {}", show_size(min), show_size(max));
            json!({ "type": "string", "pattern": or_variable("[0-9]+ ?(B|KiB|MiB|GiB)"), "title": format!("a size {range}") })
        }
        Kind::Severity => json!({ "type": "string", "enum": Severity::ALL.map(Severity::name) }),
        Kind::Choice(choices) => json!({ "type": "string", "enum": choices }),
        Kind::Rate => json!({ "type": "string", "pattern": or_variable("[1-9][0-9]*/[smhd]") }),
        Kind::Hours => {
            json!({ "type": "string", "pattern": or_variable("[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]") })
        }
        Kind::Lang => json!({ "type": "string", "pattern": or_variable("[A-Za-z]{2,3}([-_].*)?") }),
        Kind::Secret => secret(),
        Kind::Secrets => json!({ "type": "object", "additionalProperties": secret() }),
        Kind::Texts | Kind::Globs | Kind::Langs | Kind::Queries => strings(),
        Kind::Table(shape) => Value::Object(table(shape, &[])),
        Kind::Tables(shape) => json!({ "type": "array", "items": table(shape, &[]) }),
        Kind::Named(shape) if std::ptr::eq(shape, &keys::LIST) => named(list()),
        Kind::Named(shape) if std::ptr::eq(shape, &keys::RULE) => {
            let rule = Value::Object(table(shape, &[]));
            let watch = property(&keys::RULES_WATCH);
            let mut rules = named(rule.clone());
            rules["properties"] = json!({ keys::RULES_WATCH.name: { "anyOf": [watch, rule] } });
            rules
        }
        Kind::Named(shape) => named(Value::Object(table(shape, &[]))),
        Kind::Receivers(types) => {
            let each: Vec<Value> = types.iter().map(receiver).collect();
            named(json!({ "description": keys::RECEIVER.about, "oneOf": each }))
        }
    })
}

/// What `value::name` takes, as far as a pattern can say it.
const NAME: &str = r#"^[^\s/:,;"'()*?@=\[\]{}]+$"#;

/// A pattern, or a string that takes something from the environment.
fn or_variable(pattern: &str) -> String {
    format!(r"^(({pattern})|.*\$\{{\w+\}}.*)$")
}

fn secret() -> Value {
    let place = |name: &str, about: &str| {
        json!({
            "type": "object",
            "properties": { name: { "type": "string", "description": about } },
            "required": [name],
            "additionalProperties": false,
        })
    };
    json!({
        "anyOf": [
            { "type": "string", "description": "The secret itself, or better ${NAME} from the environment." },
            place("file", "A file that holds it, relative to this file."),
            place("credential", "A systemd credential, by name."),
        ],
    })
}

fn receiver(kind: &ReceiverType) -> Value {
    let mut receiver = table(&keys::RECEIVER, kind.keys);
    receiver.insert("title".to_owned(), json!(kind.name));
    receiver.insert("description".to_owned(), json!(kind.about));
    if let Some(properties) = receiver
        .get_mut("properties")
        .and_then(Value::as_object_mut)
    {
        let about = json!({ "const": kind.name, "description": "The kind of receiver." });
        properties.insert("type".to_owned(), about);
    }
    let required = receiver.entry("required").or_insert_with(|| json!([]));
    if let Some(required) = required.as_array_mut() {
        required.insert(0, json!("type"));
    }
    Value::Object(receiver)
}

fn list() -> Value {
    let strings = |about: &str| json!({ "type": "array", "items": { "type": "string" }, "description": about });
    json!({
        "type": "object",
        "description": keys::LIST.about,
        "properties": { "any": strings("Entries of no particular language.") },
        "patternProperties": { "^[a-z]{2,3}([-_].*)?$": strings("Entries of this language.") },
        "additionalProperties": false,
        "examples": [{ "en": ["insurgent", "militia"], "ar": ["المتمردون"] }],
    })
}

/// A TOML value of the table of keys as JSON.
fn example(toml: &str) -> Value {
    let document: Map<String, Value> =
        toml::from_str(&format!("value = {toml}")).expect("the table of keys holds TOML values");
    document
        .into_iter()
        .next()
        .map_or(Value::Null, |(_, value)| value)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, load};

    /// What `check` says of `[poll]` or another table with this one line in it.
    fn said(table: &str, line: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.toml");
        std::fs::write(&path, format!("{table}\n{line}\n")).expect("a file");
        let loaded = load(&path, &Environment::default());
        let said = loaded
            .problems
            .iter()
            .filter(|problem| problem.source.trim() == line);
        said.map(|problem| problem.message.clone()).collect()
    }

    #[test]
    fn every_example_and_default_is_what_check_takes() {
        let tables = [
            ("[poll]", keys::POLL.keys),
            ("[store]", keys::STORE.keys),
            ("[feeds.a]", keys::FEED.keys),
            ("[rules.a]", keys::RULE.keys),
            (
                "[receivers.duty]\ntype = \"stdout\"\n[receivers.a]\ntype = \"stdout\"",
                keys::RECEIVER.keys,
            ),
        ];
        for (table, keys) in tables {
            for key in keys {
                for value in key.examples.iter().chain(&key.default) {
                    let said = said(table, &format!("{} = {value}", key.name));
                    let is_other_matter = ["", "not supported yet", "matches no", "unknown list"];
                    assert!(
                        is_other_matter.iter().any(|part| if part.is_empty() {
                            said.is_empty()
                        } else {
                            said.contains(part)
                        }),
                        "{table} {} = {value}: {said}",
                        key.name
                    );
                }
            }
        }
    }

    #[test]
    fn the_defaults_told_are_the_defaults_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let written = |table: &str, keys: &[Key]| {
            let lines = keys
                .iter()
                .filter_map(|key| Some(format!("{} = {}\n", key.name, key.default?)));
            format!("[{table}]\n{}", lines.collect::<String>())
        };
        let feed = "[feeds.a]\nurl = \"https://example.org/\"\n";
        let texts = [
            feed.to_owned(),
            feed.to_owned()
                + &written("poll", keys::POLL.keys)
                + &written("store", keys::STORE.keys),
        ];
        let configs = texts.map(|text| {
            let path = folder.path().join("a.toml");
            std::fs::write(&path, text).expect("a file");
            load(&path, &Environment::default())
                .config
                .expect("a good configuration")
        });
        assert_eq!(configs[0].poll, configs[1].poll);
        assert_eq!(configs[0].store, configs[1].store);
        assert_eq!(configs[0].feeds, configs[1].feeds);
    }
}
