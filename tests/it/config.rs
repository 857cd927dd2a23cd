//! Configurations as people write them: the good ones load, the bad ones are told what is wrong and where.
//!
//! Each `tests/data/config/bad/NAME.toml` (or `NAME/main.toml`) has beside it what `wirewatch check` prints for it. After a
//! change of words, `WIREWATCH_BLESS=1 cargo test --test it config` writes them anew; read the difference.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use wirewatch::config::{Environment, Loaded, load, schema};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config")
}

/// The surroundings of every configuration in `tests/data/config`.
fn environment() -> Environment {
    let variables = [
        ("HOST", "example.org"),
        ("NUMBER", "31337"),
        ("WEBHOOK", "hooks.example.org/hunter2"),
        ("TOKEN", "hunter2"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Environment {
        variables: BTreeMap::from(variables),
        directory: data(),
        state_directory: None,
        credentials_directory: Some(data().join("credentials")),
    }
}

/// Everything that was said, as `check` prints it without colours. What is true of every small file here (no feeds, no
/// rules, no receivers) is left out.
fn said(loaded: &Loaded) -> String {
    let of_interest = loaded.problems.iter().filter(|problem| {
        !problem.message.ends_with("nobody") && !problem.message.contains("are configured")
    });
    of_interest.fold(String::new(), |mut said, problem| {
        let _ = writeln!(said, "{}", problem.show(false));
        said
    })
}

fn is_blessing() -> bool {
    std::env::var_os("WIREWATCH_BLESS").is_some()
}

/// The main files of all cases in a folder.
fn cases(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data().join(folder)).unwrap();
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "toml"))
        .map(|path| {
            if path.is_dir() {
                path.join("main.toml")
            } else {
                path
            }
        })
        .map(|path| path.strip_prefix(data()).unwrap().to_owned())
        .collect();
    cases.sort();
    cases
}

#[test]
fn bad_configurations_are_told_what_is_wrong_and_where() {
    let cases = cases("bad");
    assert!(cases.len() >= 40, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let loaded = load(&case, &environment());
        let said = said(&loaded);
        let has_error = loaded.problems.iter().any(|problem| problem.is_error());
        assert_eq!(loaded.config.is_none(), has_error, "{case:?}");

        let golden = data().join(case.with_extension("txt"));
        if is_blessing() {
            std::fs::write(&golden, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if said != expected || said.is_empty() {
            wrong.push(format!("--- {}\n{said}", case.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "other words than expected:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_message_shows_a_secret() {
    for case in cases("bad") {
        let loaded = load(&case, &environment());
        let documents = loaded
            .problems
            .iter()
            .map(|problem| serde_json::to_string(problem).unwrap());
        let shown = said(&loaded) + &documents.collect::<String>() + &format!("{loaded:?}");
        assert!(!shown.contains("hunter2"), "{case:?}: {shown}");
    }
}

#[test]
fn good_configurations_load_without_a_word() {
    for case in cases("good") {
        let loaded = load(&case, &environment());
        assert_eq!(said(&loaded), "", "{case:?}");
        assert!(loaded.config.is_some(), "{case:?}");
    }
}

#[test]
fn the_shipped_configuration_is_good() {
    let environment = Environment {
        directory: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        ..Environment::default()
    };
    let loaded = load(Path::new("config/wirewatch.toml"), &environment);
    assert_eq!(said(&loaded), "");
    let config = loaded.config.unwrap();
    assert!(
        (25..=40).contains(&config.feeds.len()),
        "{} feeds",
        config.feeds.len()
    );
    let publishers: BTreeSet<&str> = config
        .feeds
        .iter()
        .map(|feed| feed.publisher.as_str())
        .collect();
    assert!(publishers.len() >= 25, "{publishers:?}");
    assert!(!config.rules.rules().is_empty() && config.lists > 0 && config.receivers.len() == 1);
}

#[test]
fn the_shipped_schema_is_what_check_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/wirewatch.schema.json");
    if is_blessing() {
        std::fs::write(&path, schema::text()).unwrap();
    }
    let shipped = std::fs::read_to_string(&path).unwrap();
    assert!(
        shipped == schema::text(),
        "write it anew: wirewatch check --schema > config/wirewatch.schema.json"
    );
}

proptest! {
    /// Whatever a file holds: an answer, every problem with a place in the file, and pages that can be printed.
    #[test]
    fn no_file_is_too_odd(text in odd_file()) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.toml"), &text).unwrap();
        let environment = Environment { directory: folder.path().to_owned(), ..environment() };
        let loaded = load(Path::new("a.toml"), &environment);
        let lines = text.split(|byte| *byte == b'\n').count();
        for problem in &loaded.problems {
            prop_assert!((1..=lines).contains(&problem.line));
            prop_assert!(problem.column >= 1 && problem.column_end >= problem.column);
            prop_assert!(problem.show(true).len() >= problem.show(false).len());
        }
        prop_assert_eq!(loaded.config.is_none(), loaded.problems.iter().any(|problem| problem.is_error()));
    }
}

/// Bytes at random, TOML's punctuation at random, and the test cases with a few bytes changed.
fn odd_file() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\"",
        "'",
        "\"\"\"",
        "'''",
        "\\",
        "#",
        "\n",
        "\r\n",
        " ",
        "\t",
        "é",
        "سلام",
        "🚨",
        "\u{202e}",
        "rules",
        "feeds",
        "lists",
        "receivers",
        "poll",
        "store",
        "include",
        "url",
        "any",
        "en",
        "type",
        "\"webhook\"",
        "secret",
        "interval",
        "\"5m\"",
        "5",
        "true",
        "1979-05-27",
        "${HOST}",
        "${",
        "\"a.toml\"",
        "\"*\"",
        "{ file = \"a.toml\" }",
        "headers",
        "\\u0041",
        "\\\n  ",
        "a",
        "-",
    ]);
    let cases: Vec<Vec<u8>> = cases("bad")
        .into_iter()
        .chain(cases("good"))
        .map(|case| std::fs::read(data().join(case)).unwrap())
        .collect();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6);
    let changed = (prop::sample::select(cases), changes).prop_map(|(mut bytes, changes)| {
        for (at, byte, change) in changes {
            let at = at.index(bytes.len() + 1).min(bytes.len().saturating_sub(1));
            match change {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec(words, 0..40).prop_map(|words| words.concat().into_bytes()),
        changed,
    ]
}
