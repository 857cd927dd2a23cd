//! Configurations as people write them: the good ones load, the bad ones are told what is wrong and where.
//!
//! Each `tests/data/config/bad/NAME.toml` (or `NAME/main.toml`) has beside it what `wirewatch check` prints for it. After a
//! change of words, `WIREWATCH_BLESS=1 cargo test --test it config` writes them anew; read the difference.

use std::{
    collections::BTreeMap,
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
        if std::env::var_os("WIREWATCH_BLESS").is_some() {
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
