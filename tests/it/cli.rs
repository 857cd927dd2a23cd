//! The built binary as a person and a script meet it: exit codes, what goes where, the manners of a pipe.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A folder with a configuration of two rules.
pub struct Desk {
    pub folder: TempDir,
}

pub const RULES: &str = r#"
[rules.rebel-advance]
title = "Armed group gains ground"
severity = "high"
tags = ["rebel-advance"]
any = ["rebel"]

[rules.truce]
title = "Weapons fall silent"
severity = "low"
any = ["ceasefire"]
"#;

impl Desk {
    pub fn new() -> Desk {
        let desk = Desk {
            folder: TempDir::new().unwrap(),
        };
        desk.write("wirewatch.toml", RULES);
        desk
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wirewatch"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("WIREWATCH_CONFIG", "wirewatch.toml");
        for name in [
            "STATE_DIRECTORY",
            "CREDENTIALS_DIRECTORY",
            "WIREWATCH_LOG",
            "JOURNAL_STREAM",
            "NO_COLOR",
            "CLICOLOR_FORCE",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn feed(&self, arguments: &[&str], stdin: &str) -> Output {
        assert_cmd::Command::from_std(self.command(arguments))
            .write_stdin(stdin)
            .output()
            .unwrap()
    }
}

pub fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal ended it")
}

pub fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

const ITEMS: &str = r#"{"id":"a1","title":"Rebels enter the city","summary":"A ceasefire seems far.","url":"https://e.org/1","published":"2024-12-06T14:02:00Z","source":"Coast News","lang":"en"}
{"id":"a2","title":"Cup final today","lang":"en"}
"#;

#[test]
fn scan_answers_with_greps_exit_codes() {
    let desk = Desk::new();
    desk.write("items.jsonl", ITEMS);
    desk.write(
        "bad.jsonl",
        "{\"id\":\"b1\"}\n{\"id\":\"b2\",\"title\":\"Rebels retreat\",\"lang\":\"en\"}\n",
    );
    desk.write(
        "story.txt",
        "Calm in the capital\n\nFor a week nothing happened. Then rebels came.\n",
    );
    for (arguments, stdin, expected, hits) in [
        (&["scan", "items.jsonl"][..], "", 0, 2),
        (&["scan", "items.jsonl", "--rule", "tru*"], "", 0, 1),
        (&["scan", "items.jsonl", "--severity", "high"], "", 0, 1),
        (&["scan", "items.jsonl", "--severity", "critical"], "", 1, 0),
        (&["scan", "items.jsonl", "--rule", "trcue"], "", 2, 0),
        (&["scan", "items.jsonl", "--quiet"], "", 0, 0),
        (&["scan", "story.txt"], "", 0, 1),
        (
            &["scan", "-"],
            "Rebels advance\n\nCup final\nCeasefire agreed\n",
            0,
            2,
        ),
        (&["scan", "-"], "Cup final\n", 1, 0),
        (&["scan", "absent.xml"], "", 2, 0),
        (&["scan", "absent.xml", "items.jsonl"], "", 2, 2),
        (&["scan", "bad.jsonl"], "", 2, 1),
        (&["scan"], "", 2, 0),
        (&["scan", "items.jsonl", "--severity", "loud"], "", 2, 0),
        (
            &["scan", "items.jsonl", "--config", "absent.toml"],
            "",
            2,
            0,
        ),
    ] {
        let output = desk.feed(arguments, stdin);
        assert_eq!(code(&output), expected, "{arguments:?}: {}", err(&output));
        assert_eq!(
            out(&output).lines().count(),
            hits,
            "{arguments:?}: {}",
            out(&output)
        );
        assert!(!out(&output).contains('\u{1b}'), "no colour into a pipe");
    }
}

#[test]
fn scan_says_where_and_what() {
    let desk = Desk::new();
    desk.write("items.jsonl", ITEMS);
    let output = desk.run(&["scan", "items.jsonl"]);
    assert_eq!(
        out(&output),
        "items.jsonl:1: high rebel-advance: Rebels enter the city [Rebels]\n\
         items.jsonl:1: low truce: Rebels enter the city [ceasefire]\n"
    );
    assert!(
        err(&output).starts_with("2 hits in 1 of 2 items ("),
        "{}",
        err(&output)
    );

    let output = desk.run(&["scan", "items.jsonl", "--json"]);
    let alerts: Vec<serde_json::Value> = out(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [alert, truce] = alerts.as_slice() else {
        panic!("{alerts:?}")
    };
    assert_eq!(alert["rule"], "rebel-advance");
    assert_eq!(alert["tags"][0], "rebel-advance");
    assert_eq!(alert["item"]["id"], "a1");
    assert_eq!(alert["item"]["publisher"], "Coast News");
    assert_eq!(
        alert["item"]["published"].as_str().unwrap().get(..19),
        Some("2024-12-06T14:02:00")
    );
    assert_eq!(alert["hits"][0]["text"], "Rebels");
    assert_eq!(
        (&alert["hits"][0]["start"], &alert["hits"][0]["end"]),
        (&0.into(), &6.into())
    );
    assert_eq!(truce["hits"][0]["field"], "summary");

    // Two scans of the same item can be compared.
    let again = desk.run(&["scan", "items.jsonl", "--json"]);
    let again: serde_json::Value =
        serde_json::from_str(out(&again).lines().next().unwrap()).unwrap();
    assert_eq!(alert["id"], again["id"]);
    assert_ne!(alert["id"], truce["id"]);
}

#[test]
fn rules_look_at_the_whole_of_a_text() {
    let desk = Desk::new();
    let filler = "Nothing of note was said on this day, nor on the next. ".repeat(60);
    desk.write(
        "story.txt",
        &format!("Calm in the capital\n\n{filler}Then the rebels came.\n{filler}"),
    );
    let output = desk.run(&["scan", "story.txt", "--json"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let alert: serde_json::Value = serde_json::from_str(out(&output)).unwrap();
    assert_eq!(alert["item"]["title"], "Calm in the capital");
    let hit = &alert["hits"][0];
    assert_eq!(
        (&hit["field"], &hit["text"]),
        (&"content".into(), &"rebels".into())
    );
    let start = filler.chars().count() + "Then the ".len();
    assert_eq!(hit["start"], start);
}

#[test]
fn hostile_text_reaches_no_terminal() {
    let desk = Desk::new();
    let output = desk.feed(
        &["scan", "-"],
        "Rebels \u{1b}[2J\u{9b}31m\u{202e}advance\u{7}\n",
    );
    assert_eq!(
        out(&output),
        "-:1: high rebel-advance: Rebels  [2J 31m advance [Rebels]\n"
    );
    let output = desk.run(&["scan", "\u{1b}[2Jabsent.xml"]);
    assert!(
        err(&output).contains("\\u{1b}[2Jabsent.xml") && !err(&output).contains('\u{1b}'),
        "{}",
        err(&output)
    );
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let desk = Desk::new();
    desk.write("items.jsonl", &ITEMS.repeat(20_000));
    let mut child = desk
        .command(&["scan", "items.jsonl"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 64];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(err(&output), "");
}

#[test]
fn a_bad_configuration_is_shown_with_its_place() {
    let desk = Desk::new();
    desk.write(
        "wirewatch.toml",
        "[rules.x]\nseverity = \"lowd\"\nany = [\"a word\"]\n",
    );
    for arguments in [&["scan", "-"][..], &["alerts"], &["feeds"], &["check"]] {
        let output = desk.run(arguments);
        let all = format!("{}{}", out(&output), err(&output));
        assert_eq!(code(&output), 2, "{arguments:?}: {all}");
        assert!(all.contains("wirewatch.toml:2:"), "{arguments:?}: {all}");
    }
}

#[test]
fn without_a_configuration_the_places_are_named() {
    let desk = Desk::new();
    let output = desk
        .command(&["feeds"])
        .env_remove("WIREWATCH_CONFIG")
        .output()
        .unwrap();
    // A machine on which wirewatch is installed has one.
    if !Path::new("/etc/wirewatch/wirewatch.toml").exists() {
        assert_eq!(code(&output), 2);
        for place in [
            "/etc/wirewatch/wirewatch.toml",
            "config/wirewatch.toml",
            "--config",
            "WIREWATCH_CONFIG",
        ] {
            assert!(err(&output).contains(place), "{}", err(&output));
        }
    }
    std::fs::create_dir(desk.folder.path().join("config")).unwrap();
    desk.write("config/wirewatch.toml", RULES);
    let output = desk
        .command(&["feeds"])
        .env_remove("WIREWATCH_CONFIG")
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", err(&output));
}

#[test]
fn lists_before_the_first_run_are_empty_and_say_why() {
    let desk = Desk::new();
    let feeds = "[poll]\nallow_private = true\n[feeds.coast]\nurl = \"http://localhost:9/feed\"\n";
    desk.write("wirewatch.toml", &format!("{RULES}{feeds}"));
    for (arguments, lines) in [
        (&["alerts"][..], 0),
        (&["alerts", "--json"], 0),
        (&["feeds"], 1),
        (&["feeds", "--json"], 1),
    ] {
        let output = desk.run(arguments);
        assert_eq!(code(&output), 0, "{arguments:?}: {}", err(&output));
        assert_eq!(out(&output).lines().count(), lines, "{arguments:?}");
        assert!(
            err(&output).contains("wirewatch.db"),
            "{arguments:?}: {}",
            err(&output)
        );
    }
    let output = desk.run(&["feeds", "--json"]);
    let feed: serde_json::Value = serde_json::from_str(out(&output)).unwrap();
    assert_eq!(
        (&feed["name"], &feed["state"]),
        (&"coast".into(), &"new".into())
    );
}

#[test]
fn why_shows_what_was_found_and_what_was_not() {
    let desk = Desk::new();
    let output = desk.run(&["why", "Rebels enter the city"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let text = out(&output);
    assert!(
        text.contains("✗ truce") && text.contains("✓ rebel-advance high"),
        "{text}"
    );
    assert!(
        text.contains("✓ rebel  Rebels in title  stem rebel"),
        "{text}"
    );

    let output = desk.run(&["why", "--json", "Rebels enter the city"]);
    let rules: Vec<serde_json::Value> = out(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let found: Vec<_> = rules
        .iter()
        .map(|rule| {
            (
                rule["rule"].as_str().unwrap(),
                rule["matched"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(found, [("rebel-advance", true), ("truce", false)]);
    let hit = &rules[0]["any"][0]["tree"]["hits"][0];
    assert_eq!(
        (&hit["text"], &hit["start"], &hit["end"]),
        (&"Rebels".into(), &0.into(), &6.into())
    );

    for (arguments, said) in [
        (&["why", " "][..], "no text"),
        (&["why", "--rule", "trcue", "x"], "trcue"),
        (&["why", "https://e.org/1"], "https://e.org/1"),
    ] {
        let output = desk.run(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(
            err(&output).contains(said),
            "{arguments:?}: {}",
            err(&output)
        );
    }
}

pub const FEED: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Coast News</title><id>urn:coast</id>
<updated>2030-01-01T00:00:00Z</updated>
<entry><id>urn:coast:1</id><title>Rebels enter the city</title><link href="https://coast.example/1"/><updated>2030-01-01T00:00:00Z</updated></entry>
<entry><id>urn:coast:2</id><title>Harbour festival opens</title><link href="https://coast.example/2"/><updated>2030-01-01T00:00:00Z</updated></entry>
</feed>"#;

#[test]
fn the_lists_read_beside_a_running_daemon_and_after_it() {
    let desk = Desk::new();
    desk.write("coast.xml", FEED);
    let path = desk.folder.path().join("coast.xml");
    desk.write(
        "wirewatch.toml",
        &format!(
            "{RULES}[feeds.coast]\nurl = \"file://{}\"\n[receivers.console]\ntype = \"stdout\"\n",
            path.display()
        ),
    );
    assert_eq!(code(&desk.run(&["scan", "coast.xml"])), 0);
    let log = desk.folder.path().join("log");
    let mut daemon = desk
        .command(&["run", "--log-format", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(daemon.stdout.take().unwrap());
    let mut first = String::new();
    // The alert's own arrival is what is waited for.
    printed.read_line(&mut first).unwrap();
    assert!(first.contains("Rebels enter the city"), "{first}");
    look(&desk);
    let term = Command::new("kill")
        .args(["-TERM", &daemon.id().to_string()])
        .status()
        .unwrap();
    assert!(term.success());
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    look(&desk);
    // Settled by now: a daemon that ends cleanly has nothing half done.
    let output = desk.run(&["alerts", "--json"]);
    let alert: serde_json::Value = serde_json::from_str(out(&output)).unwrap();
    assert_eq!(alert["deliveries"][0]["state"], "done", "{alert}");

    let log = std::fs::read_to_string(&log).unwrap();
    let events: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let alerts: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "alert")
        .collect();
    let [alert] = alerts.as_slice() else {
        panic!("one line an alert: {log}")
    };
    assert_eq!(
        (&alert["feed"], &alert["rule"], &alert["level"]),
        (&"coast".into(), &"rebel-advance".into(), &"info".into())
    );
    assert!(events.iter().all(|event| event["ts"].is_string()), "{log}");
}

/// What the lists say of the one feed and its one alert.
fn look(desk: &Desk) {
    for (arguments, expected) in [
        (&["alerts", "--json"][..], 1),
        (
            &[
                "alerts",
                "--json",
                "--rule",
                "rebel-*",
                "--severity",
                "high",
                "--since",
                "1h",
            ],
            1,
        ),
        (&["alerts", "--json", "--rule", "truce"], 0),
        (&["alerts", "--json", "--severity", "critical"], 0),
        (&["alerts"], 1),
        (&["feeds"], 1),
        (&["feeds", "--failing"], 0),
    ] {
        let output = desk.run(arguments);
        assert_eq!(code(&output), 0, "{arguments:?}: {}", err(&output));
        assert_eq!(
            out(&output).lines().count(),
            expected,
            "{arguments:?}: {}",
            out(&output)
        );
    }
    let output = desk.run(&["alerts", "--json"]);
    let alert: serde_json::Value = serde_json::from_str(out(&output)).unwrap();
    assert_eq!(
        (&alert["rule"], &alert["item"]["id"]),
        (&"rebel-advance".into(), &"urn:coast:1".into())
    );
    assert_eq!(alert["deliveries"][0]["receiver"], "console");

    let output = desk.run(&["feeds", "--json"]);
    let feed: serde_json::Value = serde_json::from_str(out(&output)).unwrap();
    assert_eq!(
        (&feed["state"], &feed["failures"], &feed["reason"]),
        (&"ok".into(), &0.into(), &serde_json::Value::Null)
    );
    assert!(
        feed["last_new_item"].is_string() && feed["next_poll"].is_string(),
        "{feed}"
    );

    for (url, stage) in [
        ("https://coast.example/1", "rebel-advance: first-report"),
        ("https://coast.example/2", "no rule matched"),
    ] {
        let output = desk.run(&["why", url]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        assert!(
            out(&output).contains(stage) && out(&output).contains("in coast"),
            "{}",
            out(&output)
        );
    }
    let output = desk.run(&["why", "https://coast.example/3"]);
    assert_eq!(code(&output), 2);
    assert!(
        err(&output).contains("no feed has brought"),
        "{}",
        err(&output)
    );
}

/// Answers one request on loopback with this status line and body; gives the address.
fn serve_once(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/feed", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
        while request.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).unwrap();
    });
    address
}

#[test]
fn scan_fetches_what_was_typed_and_reads_folders_in_order() {
    let desk = Desk::new();
    for (status, body, expected, said) in [
        ("200 OK", FEED, 0, "1 hit in 1 of 2 items"),
        ("404 Not Found", "", 2, "404"),
        (
            "200 OK",
            "<!doctype html><title>Sign in</title><p>Please sign in.",
            2,
            "not a feed",
        ),
    ] {
        let output = desk.run(&["scan", &serve_once(status, body)]);
        assert_eq!(code(&output), expected, "{status}: {}", err(&output));
        assert!(err(&output).contains(said), "{status}: {}", err(&output));
    }

    std::fs::create_dir_all(desk.folder.path().join("feeds/deeper")).unwrap();
    for name in [
        "feeds/b.xml",
        "feeds/a.xml",
        "feeds/deeper/c.xml",
        "feeds/.hidden.xml",
    ] {
        desk.write(name, FEED);
    }
    desk.write("feeds/README.txt", "These are feeds.");
    let output = desk.run(&["scan", "feeds"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let places: Vec<_> = out(&output)
        .lines()
        .map(|line| line.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        places,
        ["feeds/a.xml:1", "feeds/b.xml:1", "feeds/deeper/c.xml:1"]
    );
    assert!(
        err(&output).contains("1 file was no feed"),
        "{}",
        err(&output)
    );
}

#[test]
fn feeds_go_out_as_opml_and_come_back() {
    let desk = Desk::new();
    let feeds = "[feeds.coast]\nurl = \"https://coast.example/feed\"\n[feeds.harbour]\nurl = \"https://harbour.example/rss?a=1&b=2\"\n";
    desk.write("wirewatch.toml", &format!("{RULES}{feeds}"));
    let output = desk.run(&["feeds", "export"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    desk.write("feeds.opml", out(&output));
    let other = Desk::new();
    let list = desk.folder.path().join("feeds.opml");
    let output = other.run(&["feeds", "import", list.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    other.write("wirewatch.toml", &format!("{RULES}{}", out(&output)));
    let listed = other.run(&["feeds", "--json"]);
    let urls: Vec<serde_json::Value> = out(&listed)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let urls: Vec<_> = urls
        .iter()
        .map(|feed| feed["url"].as_str().unwrap())
        .collect();
    assert_eq!(
        urls,
        [
            "https://coast.example/feed",
            "https://harbour.example/rss?a=1&b=2"
        ]
    );
    assert_eq!(code(&other.run(&["feeds", "import", "absent.opml"])), 2);
}

#[test]
fn packagers_get_completions_and_manual_pages() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = desk.run(&["completions", shell]);
        assert_eq!(code(&output), 0);
        assert!(out(&output).contains("scan"), "{shell}");
    }
    let output = desk.run(&["man"]);
    assert!(out(&output).contains(".TH wirewatch 1"));
    assert_eq!(code(&desk.run(&["man", "--dir", "pages"])), 0);
    let pages = desk.folder.path().join("pages");
    for page in ["wirewatch.1", "wirewatch-scan.1", "wirewatch-alerts.1"] {
        assert!(pages.join(page).exists(), "{page}");
    }
}

#[test]
fn help_and_mistakes_in_the_arguments() {
    let desk = Desk::new();
    for (arguments, expected) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["scan", "--help"], 0),
        (&[], 2),
        (&["scam"], 2),
        (&["alerts", "--since", "5x"], 2),
    ] {
        assert_eq!(code(&desk.run(arguments)), expected, "{arguments:?}");
    }
    let output = desk
        .command(&["man"])
        .env("WIREWATCH_LOG", "loud")
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("$WIREWATCH_LOG") && err(&output).contains("loud"));
}

/// A site on loopback: a page that names its feed, the feed, another page without a word.
fn site() -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serve = std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(connection.try_clone().unwrap());
            reader.read_line(&mut line).unwrap();
            let mut header = String::new();
            while reader.read_line(&mut header).unwrap() > 2 {
                header.clear();
            }
            let path = line.split(' ').nth(1).unwrap_or("").to_owned();
            let (status, body) = match path.as_str() {
                "/stop" => return,
                "/" => ("200 OK", "<html><link rel=alternate type='application/rss+xml' title=Coast href='/coast.xml'>".to_owned()),
                "/words" => ("200 OK\r\nlink: </none>; rel=alternate; type=application/rss+xml", "<a href='/n/7'><b>RSS</b></a>".to_owned()),
                "/silent/" | "/feed" | "/part/of/1.html" => ("200 OK", "<html><title>Nothing here".to_owned()),
                "/coast.xml" | "/rss" | "/part/rss.xml" | "/n/7" => (
                    "200 OK",
                    "<rss version='2.0'><channel><title>Coast &amp; News</title><language>en</language>\
                     <item><title>One</title><guid>1</guid></item></channel></rss>".to_owned(),
                ),
                "/moved" => ("301 Moved\r\nlocation: /coast.xml", String::new()),
                _ => ("404 Not Found", String::new()),
            };
            let _ = write!(
                connection,
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (address, serve)
}

#[test]
fn a_feed_is_found_checked_and_written_beside_the_others() {
    let (site, serve) = site();
    let desk = Desk::new();
    let feeds = "# Our feeds.\n[feeds.harbour]  # first\nurl = 'https://harbour.example/rss'\n\n[feeds.quay]\nurl = 'https://quay.example/rss'\n";
    let main = format!("include = ['feeds.toml']\n[poll]\nallow_private = true\n{RULES}");
    desk.write("wirewatch.toml", &main);
    desk.write("feeds.toml", feeds);
    let read = |name: &str| std::fs::read_to_string(desk.folder.path().join(name)).unwrap();

    let dry = desk.run(&["feeds", "add", &site, "--dry-run"]);
    assert_eq!(code(&dry), 0, "{}", err(&dry));
    let table = format!("[feeds.coast-news]\nurl = \"{site}/coast.xml\"\n");
    assert_eq!(out(&dry), table);
    assert_eq!(read("feeds.toml"), feeds, "nothing was written");

    let added = desk.run(&["feeds", "add", &site, "--tags", "wire,en", "--json"]);
    assert_eq!(code(&added), 0, "{}", err(&added));
    let told: serde_json::Value = serde_json::from_str(out(&added)).unwrap();
    assert_eq!(
        (
            told["name"].as_str(),
            told["items"].as_u64(),
            told["written"].as_bool()
        ),
        (Some("coast-news"), Some(1), Some(true))
    );
    assert_eq!(
        read("feeds.toml"),
        format!("{feeds}\n{table}tags = [\"wire\", \"en\"]\n")
    );
    assert_eq!(read("wirewatch.toml"), main);

    for (arguments, words) in [
        (&[&site[..]][..], "already, as coast-news"),
        (&[&format!("{site}/moved")], "already, as coast-news"),
        (&[&format!("{site}/absent")], "the server answered 404"),
        (&["https://other.example/", "--name"], "a value is required"),
        (
            &[&format!("{site}/rss"), "--name", "quay"],
            "a feed called quay is configured already",
        ),
        (
            &[&format!("{site}/rss"), "--file", "other.toml"],
            "other.toml is not a file of this configuration",
        ),
        (&["ftp://coast.example/"], "ftp"),
    ] {
        let output = desk.run(&[&["feeds", "add"], arguments].concat());
        assert_eq!(code(&output), 2, "{arguments:?}: {}", out(&output));
        assert!(
            err(&output).contains(words),
            "{arguments:?}: {}",
            err(&output)
        );
    }
    // A page that names nothing, beside a feed in one of the usual places.
    let usual = desk.run(&[
        "feeds",
        "add",
        &format!("{site}/silent/"),
        "--file",
        "wirewatch.toml",
    ]);
    assert_eq!(code(&usual), 0, "{}", err(&usual));
    assert!(
        read("wirewatch.toml")
            .ends_with(&format!("\n[feeds.coast-news-2]\nurl = \"{site}/rss\"\n"))
    );

    // In a folder above the page; behind words, where the header names nothing good.
    for (page, feed) in [("/part/of/1.html", "/part/rss.xml"), ("/words", "/n/7")] {
        let output = desk.run(&["feeds", "add", &format!("{site}{page}"), "--dry-run"]);
        assert_eq!(code(&output), 0, "{page}: {}", err(&output));
        assert!(
            out(&output).contains(&format!("url = \"{site}{feed}\"")),
            "{page}"
        );
    }

    desk.write("wirewatch.toml", RULES);
    let refused = desk.run(&["feeds", "add", &format!("{site}/rss")]);
    assert_eq!(code(&refused), 2);
    assert!(err(&refused).contains("allow_private"), "{}", err(&refused));
    let mut stop = std::net::TcpStream::connect(site.trim_start_matches("http://")).unwrap();
    stop.write_all(b"GET /stop HTTP/1.1\r\n\r\n").unwrap();
    serve.join().unwrap();
}
