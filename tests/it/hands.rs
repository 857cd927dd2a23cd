//! What a desk does with one alert, command by command, after a daemon has brought it: the built binary and its store.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Command, Stdio},
};

use crate::cli::{Desk, FEED, RULES, code, err, out};

/// A desk whose daemon found the one alert, told it to its console and could not reach its hook; and the alert's id.
fn desk() -> (Desk, String) {
    let desk = Desk::new();
    desk.write("coast.xml", FEED);
    let feed = desk.folder.path().join("coast.xml");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    desk.write(
        "wirewatch.toml",
        &format!(
            r#"# What our desk looks for.
{RULES}
[feeds.coast]
url = "file://{}"
[receivers.console]
type = "stdout"
[receivers.hook]
type = "webhook"
url = "http://127.0.0.1:{port}/hook"
allow_private = true
ack = {{ within = "1h", then = "duty" }}
[receivers.duty]
type = "file"
path = "duty.jsonl"
rules = []
"#,
            feed.display()
        ),
    );
    let mut daemon = desk
        .command(&["run"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(daemon.stdout.take().unwrap());
    let mut first = String::new();
    // The alert's own arrival is what is waited for.
    printed.read_line(&mut first).unwrap();
    let term = Command::new("kill")
        .args(["-TERM", &daemon.id().to_string()])
        .status()
        .unwrap();
    assert!(term.success());
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    let alert: serde_json::Value = serde_json::from_str(&first).unwrap();
    (desk, alert["id"].as_str().unwrap().to_owned())
}

/// Runs a command; its exit code, and words that it says on either side, or none that begin with `!`.
fn check(desk: &Desk, arguments: &[&str], expected: i32, words: &[&str]) {
    let output = desk.run(arguments);
    let said = format!("{}{}", out(&output), err(&output));
    assert_eq!(code(&output), expected, "{arguments:?}: {said}");
    for word in words {
        match word.strip_prefix('!') {
            Some(word) => assert!(!said.contains(word), "{arguments:?}: {word} in {said}"),
            None => assert!(said.contains(word), "{arguments:?}: no {word} in {said}"),
        }
    }
}

#[test]
fn an_alert_is_explained_acknowledged_and_called_wrong() {
    let (desk, id) = desk();
    let start = &id[..20];
    for known in [id.as_str(), start] {
        let words = [
            "first-report",
            "in coast: Rebels enter the city",
            "delivered to console",
            "owed to hook",
        ];
        check(&desk, &["why", known], 0, &words);
    }
    // What is no alert's id is a text.
    check(&desk, &["why", "0badc0de"], 0, &["rebel-advance"]);

    check(
        &desk,
        &["ack", start],
        0,
        &[&id, "console, hook will be told"],
    );
    check(&desk, &["ack", &id], 0, &["acknowledged already"]);
    check(
        &desk,
        &["ack", "ffffffff"],
        2,
        &["there is no alert ffffffff"],
    );
    check(
        &desk,
        &["alerts", "--json"],
        0,
        &["\"status\":\"acknowledged\"", "\"revision\":2"],
    );

    let line = "ignore = [\"Rebels enter the city\"]";
    check(
        &desk,
        &["wrong", &id],
        0,
        &["false positive of rebel-advance", line],
    );
    let before = std::fs::read_to_string(desk.folder.path().join("wirewatch.toml")).unwrap();
    assert!(!before.contains("ignore"), "{before}");
    check(
        &desk,
        &["wrong", start, "--write"],
        0,
        &["added to `ignore` of [rules.rebel-advance]"],
    );
    let after = std::fs::read_to_string(desk.folder.path().join("wirewatch.toml")).unwrap();
    let added: Vec<&str> = after
        .lines()
        .filter(|line| !before.contains(*line))
        .collect();
    assert_eq!(added, [line], "one line more, all others as they were");
    assert_eq!(after.lines().count(), before.lines().count() + 1);
    check(&desk, &["check"], 2, &["which it must ignore"]);
}

#[test]
fn what_is_owed_is_listed_and_sent_again() {
    let (desk, _) = desk();
    check(
        &desk,
        &["deliveries"],
        0,
        &[
            "hook",
            "owed",
            "Rebels enter the city",
            "!console",
            "!there are more",
        ],
    );
    check(&desk, &["deliveries", "--dead"], 0, &["nothing is owed"]);
    check(
        &desk,
        &["deliveries", "--all"],
        0,
        &["console", "done", "hook"],
    );
    check(
        &desk,
        &["deliveries", "--all", "--limit", "1"],
        0,
        &["there are more: these are the 1 oldest"],
    );
    check(
        &desk,
        &["deliveries", "--all", "--limit", "2"],
        0,
        &["!there are more"],
    );
    let output = desk.run(&["deliveries", "--all", "--json"]);
    assert_eq!(out(&output).lines().count(), 2);
    for line in out(&output).lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&row["rule"], &row["revision"]),
            (&"rebel-advance".into(), &1.into())
        );
    }
    let output = desk.run(&["deliveries", "--all", "--json", "-n", "1"]);
    assert_eq!(out(&output).lines().count(), 1);
    check(
        &desk,
        &["deliveries", "retry", "--receiver", "hook"],
        0,
        &["due now"],
    );
    check(
        &desk,
        &["deliveries", "retry", "77"],
        2,
        &["delivery 77 is not owed"],
    );
}

#[test]
fn silences_are_made_listed_and_ended() {
    let (desk, _) = desk();
    check(&desk, &["silence"], 0, &["no silence holds"]);
    check(
        &desk,
        &[
            "silence",
            "--rule",
            "rebel-*",
            "--for",
            "2h",
            "--reason",
            "an exercise",
        ],
        0,
        &["silence 1 holds until"],
    );
    check(
        &desk,
        &[
            "silence",
            "--words",
            "ferry NEAR/3 sinks",
            "--for",
            "1h",
            "--reason",
            "known",
        ],
        0,
        &["silence 2"],
    );
    check(
        &desk,
        &["silence"],
        0,
        &["rule rebel-*", "an exercise", "ferry NEAR/3 sinks"],
    );
    check(
        &desk,
        &[
            "silence", "--rule", "rebel-*", "--for", "soon", "--reason", "x",
        ],
        2,
        &["soon"],
    );
    check(
        &desk,
        &[
            "silence", "--words", "(ferry", "--for", "1h", "--reason", "x",
        ],
        2,
        &["(ferry"],
    );
    check(&desk, &["silence", "--remove", "1"], 0, &["1"]);
    check(&desk, &["silence"], 0, &["!rebel-*", "ferry"]);
    check(&desk, &["silence", "--remove", "1"], 2, &["1"]);
}

#[test]
fn a_route_says_who_would_be_told() {
    let (desk, _) = desk();
    let route = |more: &[&'static str]| {
        let mut arguments = vec!["receiver", "route", "--rule", "rebel-advance"];
        arguments.extend(more);
        arguments
    };
    let words = [
        "console",
        "at once",
        "then duty after 1h",
        "its rules do not name this one",
    ];
    check(&desk, &route(&[]), 0, &words);
    check(
        &desk,
        &route(&["--at", "Sat 03:00", "--severity", "low"]),
        0,
        &words,
    );
    check(
        &desk,
        &route(&["--at", "whenever"]),
        1,
        &["\"whenever\" is not a time"],
    );
    // A receiver that hears of nothing but what others pass on is no mistake.
    check(&desk, &["check"], 0, &["!duty", "!matches no rule"]);
    let config = std::fs::read_to_string(desk.folder.path().join("wirewatch.toml")).unwrap();
    let alone = config.replace("then = \"duty\"", "then = \"console\"");
    desk.write("wirewatch.toml", &alone);
    check(&desk, &["check"], 0, &["receiver `duty` gets nothing"]);
}
