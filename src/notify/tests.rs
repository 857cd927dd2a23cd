//! Golden requests: what each service is sent, byte for byte, for an alert, a hostile one, a revision, the end of an alert
//! and a digest; and what each service's answers mean. `WIREWATCH_BLESS=1 cargo test --lib notify::` writes the files anew.

#[cfg(test)]
use std::{collections::HashMap, time::Duration};

use super::{
    bundle::BundleKind,
    command::Command,
    discord::Discord,
    feed::{FeedFile, FeedFormat},
    gotify::Gotify,
    matrix::Matrix,
    mattermost::Mattermost,
    ntfy::Ntfy,
    pagerduty::PagerDuty,
    pushover::Pushover,
    slack::{Bot, Slack},
    teams::Teams,
    telegram::Telegram,
    wire::Wire,
    words::Words,
    *,
};
use crate::{
    envelope::{Exit, HeaderText, Response},
    model::AlertStatus,
    secret::Secret,
};

const KEY: &str = "k3y-t0ken";

fn wire(url: &str) -> Wire {
    Wire {
        url: url.to_owned(),
        timeout: Duration::from_secs(10),
        allow_private: false,
    }
}

/// Every service, with the handle that it gave for the first message.
fn services() -> Vec<(&'static str, Box<dyn Notifier>, Option<&'static str>)> {
    let token = || Secret::new(KEY);
    let slack = |updates| Slack {
        wire: wire("https://slack.com"),
        bot: Some(Bot {
            token: token(),
            channel: "C0123456789".to_owned(),
        }),
        updates,
        words: Words::usual(Slack::MARKUP),
    };
    let feed = |format| FeedFile {
        path: "alerts.feed".into(),
        format,
        name: "Alerts & more".to_owned(),
        url: Some("https://desk.example.org/alerts".to_owned()),
        entries_max: 10,
        words: Words::usual(FeedFile::MARKUP),
    };
    vec![
        (
            "slack",
            Box::new(slack(Updates::Reply)),
            Some("C0123456789 1733493791.000200"),
        ),
        (
            "slack-edit",
            Box::new(slack(Updates::Edit)),
            Some("C0123456789 1733493791.000200"),
        ),
        (
            "slack-webhook",
            Box::new(Slack {
                wire: wire("https://hooks.slack.com/services/T0/B0/k3y-t0ken"),
                bot: None,
                updates: Updates::Reply,
                words: Words::usual(Slack::MARKUP),
            }),
            None,
        ),
        (
            "discord",
            Box::new(Discord {
                wire: wire("https://discord.com/api/webhooks/1/k3y-t0ken?thread_id=7"),
                username: Some("wirewatch".to_owned()),
                updates: Updates::Edit,
                words: Words::usual(Discord::MARKUP),
            }),
            Some("1234567890"),
        ),
        (
            "telegram",
            Box::new(Telegram {
                wire: wire("https://api.telegram.org"),
                token: token(),
                chat: "-100123".to_owned(),
                topic: Some(5),
                updates: Updates::Reply,
                words: Words::usual(Telegram::MARKUP),
            }),
            Some("42"),
        ),
        (
            "ntfy",
            Box::new(Ntfy {
                wire: wire("https://ntfy.sh/"),
                topic: "desk".to_owned(),
                token: Some(token()),
                words: Words::usual(Ntfy::MARKUP),
            }),
            None,
        ),
        (
            "matrix",
            Box::new(Matrix {
                wire: wire("https://matrix.example.org"),
                token: token(),
                room: "!abc:example.org".to_owned(),
                updates: Updates::Reply,
                words: Words::usual(Matrix::MARKUP),
            }),
            Some("$first"),
        ),
        (
            "mattermost",
            Box::new(Mattermost {
                wire: wire("https://chat.example.org/hooks/k3y-t0ken"),
                channel: None,
                words: Words::usual(Mattermost::MARKUP),
            }),
            None,
        ),
        (
            "teams",
            Box::new(Teams {
                wire: wire(
                    "https://x.logic.azure.com/workflows/k3y-t0ken?api-version=1&sig=k3y-t0ken",
                ),
                words: Words::usual(Teams::MARKUP),
            }),
            None,
        ),
        (
            "pagerduty",
            Box::new(PagerDuty {
                wire: wire("https://events.pagerduty.com"),
                routing_key: token(),
                words: Words::usual(PagerDuty::MARKUP),
            }),
            None,
        ),
        (
            "gotify",
            Box::new(Gotify {
                wire: wire("https://gotify.example.org"),
                token: token(),
                words: Words::usual(Gotify::MARKUP),
            }),
            None,
        ),
        (
            "pushover",
            Box::new(Pushover {
                wire: wire("https://api.pushover.net"),
                token: token(),
                user: token(),
                words: Words::usual(Pushover::MARKUP),
            }),
            None,
        ),
        (
            "command",
            Box::new(Command {
                argv: vec!["/usr/local/bin/page".to_owned(), "--desk".to_owned()],
                folder: "/var/lib/wirewatch".into(),
                timeout: Duration::from_secs(10),
            }),
            None,
        ),
        ("feed-atom", Box::new(feed(FeedFormat::Atom)), None),
        ("feed-json", Box::new(feed(FeedFormat::Json)), None),
    ]
}

/// An alert whose headline tries what each service acts on.
fn hostile() -> Alert {
    let mut alert = sample::hostile();
    alert.item.title = "\u{1b}[2J<!channel> <@U1|x> @everyone @here @room *b* _i_ `c` ||s|| # h [l](http://e.org) <a href=\"x\">& {{ 7 * 7 }}\r\n\u{202e}gnp.exe\0"
        .to_owned();
    alert
}

fn now() -> Timestamp {
    "2024-12-06T14:17:12Z".parse().unwrap()
}

/// What leaves, as a file can show it.
fn shown(envelope: &Envelope) -> String {
    match envelope {
        Envelope::Http(request) => {
            let method = format!("{:?}", request.method).to_uppercase();
            let mut text = format!("{method} {}\n", request.url);
            for (name, value) in &request.headers {
                let value = match value {
                    HeaderText::Plain(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    HeaderText::Secret(secret) => secret.expose().to_owned(),
                };
                text.push_str(&format!("{name}: {value}\n"));
            }
            let json: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            text + &format!("\n{}\n", serde_json::to_string_pretty(&json).unwrap())
        }
        Envelope::Run(program) => format!(
            "{}\n{:?}\n{}",
            program.argv.join(" "),
            program.environment,
            std::str::from_utf8(&program.input).unwrap()
        ),
        Envelope::Replace { path, text } => format!("{}\n\n{text}", path.display()),
        other => panic!("{other:?}"),
    }
}

/// Each service with each kind of message: (file, envelope).
fn messages() -> Vec<(String, Envelope)> {
    let mut revised = sample::alert();
    revised.revision = 2;
    revised.severity = Severity::Critical;
    let mut ended = sample::alert();
    ended.revision = 3;
    ended.status = AlertStatus::Acknowledged;
    let alerts = [sample::alert(), hostile()];
    let digest = bundle::document(BundleKind::RateSummary, "bundle-1", &alerts, now());
    let mut all = Vec::new();
    for (service, notifier, handle) in services() {
        let hostile = hostile();
        let first = sample::alert();
        for (kind, alert, alerts, handle) in [
            ("", &first, &[][..], None),
            ("-hostile", &hostile, &[], None),
            ("-revised", &revised, &[], handle),
            ("-acknowledged", &ended, &[], handle),
            ("-summary", &digest, &alerts, None),
        ] {
            let message = Message {
                alerts,
                handle,
                ..Message::new("01938c2f-1-desk", alert, now())
            };
            all.push((
                format!("{service}{kind}"),
                notifier.compose(&message).unwrap(),
            ));
        }
    }
    all
}

#[test]
fn golden_requests() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/requests");
    let is_blessing = std::env::var_os("WIREWATCH_BLESS").is_some();
    for (name, envelope) in messages() {
        let path = folder.join(format!("{name}.txt"));
        let shown = shown(&envelope);
        if is_blessing {
            std::fs::write(&path, &shown).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(shown, golden, "{name}");
    }
}

#[test]
fn nothing_that_leaves_acts_on_who_reads_it() {
    for (name, envelope) in messages() {
        let shown = shown(&envelope);
        let is_document = name.starts_with("command") || name.starts_with("feed-json");
        let mut unsafe_characters = shown
            .chars()
            .filter(|c| *c != '\n' && render::is_unsafe(*c));
        assert_eq!(unsafe_characters.next(), None, "{name}");
        assert!(
            !shown.contains("javascript:") || is_document || name.ends_with("-summary"),
            "{name}"
        );
        assert!(!shown.contains(" 49 "), "{name}: a template was run");
        let calls: &[&str] = match name.split('-').next().unwrap_or_default() {
            "slack" => &["<!", "<@U1", "@everyone", "@here", "@room"],
            "discord" | "mattermost" => &[
                "<@U1",
                "@everyone",
                "@here",
                "](http://e.org)",
                " *b*",
                "||s",
            ],
            "telegram" => &["<a href=\\\"x", "@everyone", "@room"],
            "matrix" => &["@everyone", "@room"],
            "feed" if !is_document => &["<a href="],
            // Plain text and JSON, in which nothing is called.
            _ => &[],
        };
        for call in calls {
            assert!(!shown.contains(call), "{name}: {call}");
        }
    }
}

#[test]
fn every_message_keeps_its_service_s_limits() {
    let mut long = sample::alert();
    long.title = "<&*_".repeat(2_000);
    long.item.title = "é<&*🚒".repeat(2_000);
    long.item.summary = "<&>@all ".repeat(5_000);
    long.item.url = format!("https://example.org/{}", "a".repeat(5_000));
    long.hits.truncate(1);
    let many: Vec<Alert> = (0..20).map(|_| long.clone()).collect();
    let limits: HashMap<&str, &[(&str, usize)]> = HashMap::from([
        (
            "slack",
            &[("/blocks/0/text/text", 150), ("/blocks/1/text/text", 3_000)][..],
        ),
        (
            "discord",
            &[
                ("/embeds/0/title", 256),
                ("/embeds/0/description", 4_096),
                ("/embeds/0/url", 2_048),
            ],
        ),
        ("telegram", &[("/text", 4_096)]),
        (
            "ntfy",
            &[("/message", 4_096), ("/title", 250), ("/click", 2_000)],
        ),
        ("matrix", &[("/body", 15_000), ("/formatted_body", 15_000)]),
        ("mattermost", &[("/text", 4_000)]),
        (
            "pagerduty",
            &[("/payload/summary", 1_024), ("/dedup_key", 255)],
        ),
        (
            "pushover",
            &[("/title", 250), ("/message", 1_024), ("/url", 512)],
        ),
    ]);
    for (service, notifier, _) in services() {
        for alerts in [&[][..], &many] {
            let message = Message {
                alerts,
                ..Message::new("id", &long, now())
            };
            let Envelope::Http(request) = notifier.compose(&message).unwrap() else {
                continue;
            };
            assert!(
                request.body.len() < 28_000,
                "{service}: {}",
                request.body.len()
            );
            let json: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            for (pointer, max) in limits.get(service).copied().unwrap_or_default() {
                let Some(text) = json.pointer(pointer) else {
                    continue;
                };
                let text = text.as_str().unwrap();
                let length = match service {
                    "ntfy" | "matrix" => text.len(),
                    _ => text.encode_utf16().count(),
                };
                assert!(length <= *max, "{service}{pointer}: {length}");
            }
        }
    }
}

#[test]
fn nothing_secret_prints() {
    for (name, notifier, _) in services() {
        let alert = sample::alert();
        let envelope = notifier
            .compose(&Message::new("id", &alert, now()))
            .unwrap();
        let shown = format!("{notifier:?} {envelope:?}");
        assert!(!shown.contains(KEY), "{name}: {shown}");
    }
}

fn answer(status: u16, body: &str) -> Reply {
    Reply::Http(Response {
        status,
        body: body.as_bytes().to_vec(),
        url: "https://x.example.org/k3y-t0ken".to_owned(),
        ..Response::default()
    })
}

#[test]
fn answers() {
    let again =
        |s: Option<u64>, text: &str| Verdict::TryAfter(s.map(Duration::from_secs), text.to_owned());
    let refused = |text: &str| Verdict::Refused(text.to_owned());
    let anew = |text: &str| Verdict::Anew(text.to_owned());
    let services: HashMap<_, _> = services()
        .into_iter()
        .map(|(name, notifier, _)| (name, notifier))
        .collect();
    for (service, status, body, verdict, handle) in [
        ("slack", 200, r#"{"ok":true,"channel":"C1","ts":"1.2"}"#, Verdict::Accepted, Some("C1 1.2")),
        ("slack", 200, r#"{"ok":false,"error":"channel_not_found"}"#, again(None, "Slack answered channel_not_found"), None),
        ("slack", 200, r#"{"ok":false,"error":"msg_too_long"}"#, refused("msg_too_long"), None),
        ("slack", 200, r#"{"ok":false,"error":"message_not_found"}"#, anew("message_not_found"), None),
        ("slack", 200, "", again(None, "Slack did not say that it took the message"), None),
        ("slack-webhook", 200, "ok", Verdict::Accepted, None),
        ("slack-webhook", 400, "invalid_payload", refused("invalid_payload"), None),
        ("slack-webhook", 404, "no_service", again(None, "404 Not Found: no_service"), None),
        ("discord", 200, r#"{"id":"99"}"#, Verdict::Accepted, Some("99")),
        ("discord", 429, r#"{"message":"slow","retry_after":2.5,"global":false}"#, Verdict::TryAfter(Some(Duration::from_millis(2_500)), "429 Too Many Requests: {\"message\":\"slow\",\"retry_after\":2.5,\"global\":false}".to_owned()), None),
        ("discord", 404, r#"{"message":"Unknown Message","code":10008}"#, anew("Unknown Message"), None),
        ("discord", 404, r#"{"message":"Unknown Webhook","code":10015}"#, Verdict::Gone("Unknown Webhook".to_owned()), None),
        ("discord", 400, r#"{"message":"Invalid Form Body","code":50035}"#, refused("Invalid Form Body"), None),
        ("telegram", 200, r#"{"ok":true,"result":{"message_id":7}}"#, Verdict::Accepted, Some("7")),
        ("telegram", 429, r#"{"ok":false,"description":"Too Many Requests","parameters":{"retry_after":31}}"#, again(Some(31), "429 Too Many Requests: {\"ok\":false,\"description\":\"Too Many Requests\",\"parameters\":{\"retry_after\":31}}"), None),
        ("telegram", 400, r#"{"ok":false,"description":"Bad Request: message is not modified"}"#, Verdict::Accepted, None),
        ("telegram", 400, r#"{"ok":false,"description":"Bad Request: message to edit not found"}"#, anew("Bad Request: message to edit not found"), None),
        ("telegram", 400, r#"{"ok":false,"description":"Bad Request: can't parse entities"}"#, refused("Bad Request: can't parse entities"), None),
        ("telegram", 400, r#"{"ok":false,"description":"Bad Request: chat not found"}"#, again(None, "400 Bad Request: {\"ok\":false,\"description\":\"Bad Request: chat not found\"}"), None),
        ("ntfy", 200, "{}", Verdict::Accepted, None),
        ("ntfy", 403, r#"{"code":40301}"#, again(None, "403 Forbidden: {\"code\":40301}"), None),
        ("matrix", 200, r#"{"event_id":"$e"}"#, Verdict::Accepted, Some("$e")),
        ("matrix", 429, r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":2000}"#, again(Some(2), "429 Too Many Requests: {\"errcode\":\"M_LIMIT_EXCEEDED\",\"retry_after_ms\":2000}"), None),
        ("matrix", 413, r#"{"errcode":"M_TOO_LARGE","error":"too large"}"#, refused("too large"), None),
        ("matrix", 403, r#"{"errcode":"M_FORBIDDEN","error":"not in room"}"#, again(None, "403 Forbidden: {\"errcode\":\"M_FORBIDDEN\",\"error\":\"not in room\"}"), None),
        ("teams", 202, "", Verdict::Accepted, None),
        ("pagerduty", 202, r#"{"status":"success"}"#, Verdict::Accepted, None),
        ("pagerduty", 400, r#"{"status":"invalid event","errors":["bad summary"]}"#, refused("400 Bad Request: {\"status\":\"invalid event\",\"errors\":[\"bad summary\"]}"), None),
        ("pagerduty", 400, r#"{"status":"invalid event","errors":["'routing_key' is invalid"]}"#, again(None, "400 Bad Request: {\"status\":\"invalid event\",\"errors\":[\"'routing_key' is invalid\"]}"), None),
        ("pushover", 200, r#"{"status":1}"#, Verdict::Accepted, None),
        ("mattermost", 500, "down at /k3y-t0ken", again(None, "500 Internal Server Error: down at …"), None),
    ] {
        let notifier = &services[service];
        let reply = answer(status, body);
        assert_eq!(notifier.verdict(&reply, now()), verdict, "{service} {status} {body}");
        if verdict == Verdict::Accepted {
            assert_eq!(notifier.handle(&reply).as_deref(), handle, "{service} {body}");
        }
    }
    for (code, said, verdict) in [
        (Some(0), "", Verdict::Accepted),
        (Some(65), "no\n", refused("exit code 65: no")),
        (Some(1), "", again(None, "exit code 1")),
        (None, "", again(None, "ended by a signal")),
    ] {
        let exit = Exit {
            code,
            said: said.to_owned(),
        };
        assert_eq!(
            services["command"].verdict(&Reply::Exit(exit), now()),
            verdict
        );
    }
}
