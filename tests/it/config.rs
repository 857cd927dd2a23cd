//! Configurations as people write them: the good ones load, the bad ones are told what is wrong and where.
//!
//! Each `tests/data/config/bad/NAME.toml` (or `NAME/main.toml`) has beside it what `wirewatch check` prints for it. After a
//! change of words, `WIREWATCH_BLESS=1 cargo test --test it config` writes them anew; read the difference.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use wirewatch::{
    config::{Environment, Loaded, PollSettings, load, schema},
    model::{Feed, PollLimits, Severity},
    rule::{Per, Scope},
};

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

/// One slip of the keyboard anywhere in a file with secrets.
#[test]
fn no_slip_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment {
        directory: folder.path().to_owned(),
        ..environment()
    };
    let check = |text: &str| {
        std::fs::write(folder.path().join("a.toml"), text).unwrap();
        let loaded = load(Path::new("a.toml"), &environment);
        for problem in &loaded.problems {
            let shown = serde_json::to_string(problem).unwrap();
            assert!(!shown.contains("hunter2"), "{text}\n{shown}");
        }
    };
    let text = r#"
[receivers.desk]
type = "webhook"
url = "https://hooks.example.org/hunter2"
secret = "hunter2"
headers = { Authorization = "hunter2" }
[receivers.mail]
type = "email"
host = "smtp.example.org"
from = "a@example.org"
to = ["b@example.org"]
username = "me"
password = 'hunter2'
"#;
    let slips = ["", "\"", "'", "=", "\u{0}"];
    for (at, character) in text.char_indices() {
        let (before, after) = text.split_at(at);
        let rest = &after[character.len_utf8()..];
        let is_of_the_secret = text
            .match_indices("hunter2")
            .any(|(from, secret)| (from..from + secret.len()).contains(&at));
        for slip in slips.into_iter().filter(|_| !is_of_the_secret) {
            check(&format!("{before}{slip}{rest}"));
        }
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

#[test]
fn everything_that_is_written_arrives() {
    let loaded = load(Path::new("good/everything/main.toml"), &environment());
    let config = loaded.config.unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let seconds = Duration::from_secs;
    assert_eq!(config.store.path, data().join("wirewatch.db"));
    assert_eq!(config.store.keep, seconds(30 * 86_400));
    let expected = PollSettings {
        concurrency: 64,
        per_host: 1,
        contact: Some("mailto:ops@example.org".to_owned()),
        allow_private: true,
    };
    assert_eq!(config.poll, expected);

    let names: Vec<&str> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
    assert_eq!(names, ["bbc-world", "plain", "fast", "file"]);
    let poll = PollLimits {
        interval: seconds(120),
        adaptive: false,
        interval_max: seconds(1800),
        timeout: seconds(20),
        body_bytes_max: 512 << 10,
        backfill: seconds(12 * 3600),
    };
    let bbc = Feed {
        url: "https://feeds.bbci.co.uk/news/world/rss.xml".to_owned(),
        publisher: "bbc".to_owned(),
        tags: vec!["wire".to_owned(), "en".to_owned()],
        lang: Some("en".to_owned()),
        poll: Arc::new(poll.clone()),
        ..Feed::named("bbc-world")
    };
    assert_eq!(*config.feeds[0], bbc);
    assert_eq!(
        (
            config.feeds[1].url.as_str(),
            config.feeds[1].publisher.as_str()
        ),
        ("http://example.org/rss", "example.org")
    );
    let fast = PollLimits {
        interval: seconds(60),
        adaptive: true,
        interval_max: seconds(300),
        timeout: seconds(5),
        body_bytes_max: 20 << 20,
        backfill: seconds(0),
    };
    assert_eq!(*config.feeds[2].poll, fast);
    assert_eq!(*config.feeds[3].poll, poll);

    let receivers: Vec<&str> = config
        .receivers
        .iter()
        .map(|receiver| receiver.name.as_str())
        .collect();
    assert_eq!(receivers, ["console", "log", "desk", "mail"]);
    let desk = &config.receivers[2].wants;
    let tags = ["syria".to_owned()];
    assert!(desk.takes("rebel-advance", Severity::Medium, &tags));
    for (rule, severity, tags) in [
        ("rebel-advance", Severity::Low, &tags[..]),
        ("airstrike", Severity::High, &tags),
        ("rebel-advance", Severity::High, &[]),
    ] {
        assert!(
            !desk.takes(rule, severity, tags),
            "{rule} {severity:?} {tags:?}"
        );
    }

    let rules = config.rules.rules();
    let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["rebel-advance", "everything"]);
    let rule = &rules[0];
    assert_eq!(
        (rule.title.as_str(), rule.severity, rule.scope, rule.per),
        (
            "Armed group gains ground",
            Severity::High,
            Scope::Lead,
            Per::Story
        )
    );
    assert_eq!(
        (
            rule.any.len(),
            rule.all.len(),
            rule.none.len(),
            rule.fire.len(),
            rule.ignore.len()
        ),
        (2, 0, 1, 1, 1)
    );
    assert_eq!(rule.langs, ["en", "ar"]);
    assert!(rule.feeds.takes(&config.feeds[0]) && !rule.feeds.takes(&config.feeds[1]));
    assert_eq!(
        (rules[1].per, rules[1].severity, config.lists),
        (Per::Item, Severity::Medium, 1)
    );
    assert_eq!(config.files.len(), 2);
}

/// Where the database is, by `[store] url`, $STATE_DIRECTORY and the working directory.
#[test]
fn the_store_stands_where_the_service_may_write() {
    for (url, state, expected) in [
        ("sqlite:a.db", None, "/work/a.db"),
        ("sqlite:a.db", Some("/var/lib/w"), "/var/lib/w/a.db"),
        ("sqlite:/srv/a.db", Some("/var/lib/w"), "/srv/a.db"),
        ("sqlite:///srv/a.db", None, "/srv/a.db"),
        ("sqlite::memory:", Some("/var/lib/w"), ":memory:"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("main.toml");
        std::fs::write(&main, format!("[store]\nurl = {url:?}\n")).unwrap();
        let environment = Environment {
            directory: PathBuf::from("/work"),
            state_directory: state.map(PathBuf::from),
            ..Environment::default()
        };
        let config = load(&main, &environment).config.unwrap();
        assert_eq!(config.store.path, Path::new(expected), "{url} {state:?}");
    }
}

/// The command itself: exit codes, one JSON document a line, and the schema without any configuration.
#[test]
fn check_exits_with_what_it_found() {
    for (args, code, printed) in [
        (
            &["check", "-c", "good/everything/main.toml"][..],
            0,
            "good: 4 feeds, 2 rules, 1 list, 4 receivers",
        ),
        (
            &["check", "-c", "good/empty.toml"],
            0,
            "good: 0 feeds, 0 rules, 0 lists, 0 receivers; 3 warnings",
        ),
        (
            &["check", "-c", "bad/severities.toml"],
            2,
            "bad/severities.toml:3:12: error: \"hihg\" is not a severity",
        ),
        (
            &["check", "-c", "bad/severities.toml", "--json"],
            2,
            r#"{"severity":"error","path":"bad/severities.toml","line":3,"column":12,"#,
        ),
        (
            &["check", "-c", "no-such-file.toml"],
            2,
            "no-such-file.toml:1:1: error: cannot read the configuration: no such file",
        ),
        (&["check", "--schema"], 0, "\"$schema\""),
    ] {
        let mut command = assert_cmd::Command::cargo_bin("wirewatch").unwrap();
        command.current_dir(data()).args(args).env_clear();
        command
            .envs(environment().variables)
            .env("CREDENTIALS_DIRECTORY", data().join("credentials"));
        let output = command.output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stdout}");
        assert!(stdout.contains(printed), "{args:?}: {stdout}");
        assert!(!stdout.contains('\u{1b}'), "{args:?}: colours in a pipe");
        if args.contains(&"--json") {
            assert!(
                stdout
                    .lines()
                    .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
            );
        }
    }
}
