//! Each service's request as its server would read it: through the real door, over a socket, back into a verdict.

use std::time::Duration;

use serde_json::{Value, json};
use wirewatch::{
    envelope::{Envelope, NetError},
    net::Net,
    notify::{
        Message, Notifier, Updates, Verdict,
        discord::Discord,
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
    },
    secret::Secret,
};

use super::{
    internet,
    receivers::alert,
    server::{Answer, Server},
};

/// A service and what it must have been sent: the request line, a header, fields of the JSON.
struct Case {
    notifier: Box<dyn Notifier>,
    handle: Option<&'static str>,
    line: &'static str,
    header: Option<(&'static str, &'static str)>,
    fields: Vec<(&'static str, Value)>,
    /// Fields of which only the kind is known: non-empty texts.
    texts: &'static [&'static str],
    gives: Option<&'static str>,
}

fn cases(url: &str, allow_private: bool) -> Vec<Case> {
    let wire = |path: &str| Wire {
        url: format!("{}{path}", url.trim_end_matches('/')),
        timeout: Duration::from_secs(10),
        allow_private,
    };
    let token = || Secret::new("t0ken");
    let case = |notifier: Box<dyn Notifier>, line, fields, texts| Case {
        notifier,
        handle: None,
        line,
        header: None,
        fields,
        texts,
        gives: None,
    };
    let slack = || {
        Box::new(Slack {
            wire: wire(""),
            bot: Some(Bot {
                token: token(),
                channel: "C1".to_owned(),
            }),
            updates: Updates::Reply,
            words: Words::usual(Slack::MARKUP),
        })
    };
    let discord = || {
        Box::new(Discord {
            wire: wire("/api/webhooks/1/t0ken"),
            username: None,
            updates: Updates::Edit,
            words: Words::usual(Discord::MARKUP),
        })
    };
    let matrix = Box::new(Matrix {
        wire: wire(""),
        token: token(),
        room: "!r:x.org".to_owned(),
        updates: Updates::Edit,
        words: Words::usual(Matrix::MARKUP),
    });
    vec![
        Case {
            header: Some(("authorization", "Bearer t0ken")),
            gives: Some("C1 1.2"),
            ..case(
                slack(),
                "POST /api/chat.postMessage HTTP/1.1",
                vec![
                    ("/channel", json!("C1")),
                    ("/blocks/0/type", json!("header")),
                    ("/blocks/1/text/type", json!("mrkdwn")),
                ],
                &["/text", "/blocks/0/text/text", "/blocks/1/text/text"],
            )
        },
        Case {
            handle: Some("C1 1.2"),
            gives: Some("C1 1.3"),
            ..case(
                slack(),
                "POST /api/chat.postMessage HTTP/1.1",
                vec![
                    ("/thread_ts", json!("1.2")),
                    ("/reply_broadcast", json!(true)),
                ],
                &["/text"],
            )
        },
        Case {
            gives: Some("99"),
            ..case(
                discord(),
                "POST /api/webhooks/1/t0ken?wait=true HTTP/1.1",
                vec![("/allowed_mentions", json!({"parse": []}))],
                &[
                    "/embeds/0/title",
                    "/embeds/0/description",
                    "/embeds/0/timestamp",
                ],
            )
        },
        Case {
            handle: Some("99"),
            gives: Some("99"),
            ..case(
                discord(),
                "PATCH /api/webhooks/1/t0ken/messages/99 HTTP/1.1",
                vec![("/allowed_mentions", json!({"parse": []}))],
                &["/embeds/0/title"],
            )
        },
        Case {
            gives: Some("7"),
            ..case(
                Box::new(Telegram {
                    wire: wire(""),
                    token: Secret::new("1:t0ken"),
                    chat: "-100".to_owned(),
                    topic: None,
                    updates: Updates::Reply,
                    words: Words::usual(Telegram::MARKUP),
                }),
                "POST /bot1:t0ken/sendMessage HTTP/1.1",
                vec![("/chat_id", json!("-100")), ("/parse_mode", json!("HTML"))],
                &["/text"],
            )
        },
        Case {
            header: Some(("authorization", "Bearer t0ken")),
            ..case(
                Box::new(Ntfy {
                    wire: wire(""),
                    topic: "desk".to_owned(),
                    token: Some(token()),
                    words: Words::usual(Ntfy::MARKUP),
                }),
                "POST / HTTP/1.1",
                vec![("/topic", json!("desk")), ("/priority", json!(4))],
                &["/title", "/message"],
            )
        },
        Case {
            header: Some(("authorization", "Bearer t0ken")),
            handle: Some("$first"),
            gives: Some("$e"),
            ..case(
                matrix,
                "PUT /_matrix/client/v3/rooms/%21r%3Ax.org/send/m.room.message/delivery-1 HTTP/1.1",
                vec![
                    ("/m.mentions", json!({})),
                    (
                        "/m.relates_to",
                        json!({"rel_type": "m.replace", "event_id": "$first"}),
                    ),
                    ("/m.new_content/msgtype", json!("m.text")),
                ],
                &["/body", "/formatted_body"],
            )
        },
        case(
            Box::new(Mattermost {
                wire: wire("/hooks/t0ken"),
                channel: None,
                words: Words::usual(Mattermost::MARKUP),
            }),
            "POST /hooks/t0ken HTTP/1.1",
            Vec::new(),
            &["/text"],
        ),
        case(
            Box::new(Teams {
                wire: wire("/workflows/t0ken?sig=t0ken"),
                words: Words::usual(Teams::MARKUP),
            }),
            "POST /workflows/t0ken?sig=t0ken HTTP/1.1",
            vec![
                (
                    "/attachments/0/contentType",
                    json!("application/vnd.microsoft.card.adaptive"),
                ),
                ("/attachments/0/content/type", json!("AdaptiveCard")),
            ],
            &["/attachments/0/content/body/0/inlines/0/text"],
        ),
        case(
            Box::new(PagerDuty {
                wire: wire(""),
                routing_key: token(),
                words: Words::usual(PagerDuty::MARKUP),
            }),
            "POST /v2/enqueue HTTP/1.1",
            vec![
                ("/routing_key", json!("t0ken")),
                ("/event_action", json!("trigger")),
                ("/payload/severity", json!("error")),
            ],
            &["/dedup_key", "/payload/summary", "/payload/source"],
        ),
        Case {
            header: Some(("x-gotify-key", "t0ken")),
            ..case(
                Box::new(Gotify {
                    wire: wire(""),
                    token: token(),
                    words: Words::usual(Gotify::MARKUP),
                }),
                "POST /message HTTP/1.1",
                vec![("/priority", json!(8))],
                &["/title", "/message"],
            )
        },
        case(
            Box::new(Pushover {
                wire: wire(""),
                token: token(),
                user: token(),
                words: Words::usual(Pushover::MARKUP),
            }),
            "POST /1/messages.json HTTP/1.1",
            vec![
                ("/token", json!("t0ken")),
                ("/user", json!("t0ken")),
                ("/priority", json!(1)),
            ],
            &["/title", "/message"],
        ),
    ]
}

#[tokio::test]
async fn each_service_is_sent_what_it_documents() {
    let server = Server::start(|seen| {
        let answer = match seen.path() {
            path if path.starts_with("/api/chat") => r#"{"ok":true,"channel":"C1","ts":"1.2"}"#,
            path if path.starts_with("/api/webhooks") => r#"{"id":"99"}"#,
            path if path.starts_with("/bot") => r#"{"ok":true,"result":{"message_id":7}}"#,
            path if path.starts_with("/_matrix") => r#"{"event_id":"$e"}"#,
            _ => "{}",
        };
        let text = format!(
            "HTTP/1.1 200 OK\ncontent-type: application/json\ncontent-length: {}\n\n{answer}",
            answer.len()
        );
        Answer::text(&text)
    })
    .await;
    let now = "2024-12-06T14:03:12Z".parse().unwrap();
    let alert = alert();
    for case in cases(&server.url("/"), true) {
        let message = Message {
            handle: case.handle,
            ..Message::new("delivery-1", &alert, now)
        };
        let envelope = case.notifier.compose(&message).unwrap();
        let reply = internet().send(envelope).await.unwrap();
        assert_eq!(
            case.notifier.verdict(&reply, now),
            Verdict::Accepted,
            "{}",
            case.line
        );
        assert_eq!(
            case.notifier.handle(&reply).is_some(),
            case.gives.is_some(),
            "{}",
            case.line
        );
        let seen = server.seen().pop().unwrap();
        assert_eq!(seen.line, case.line);
        assert_eq!(seen.all("content-type"), [b"application/json"]);
        if let Some((name, value)) = case.header {
            assert_eq!(seen.all(name), [value.as_bytes()]);
        }
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        for (pointer, expected) in case.fields {
            assert_eq!(
                body.pointer(pointer),
                Some(&expected),
                "{} {pointer}",
                case.line
            );
        }
        for pointer in case.texts {
            let text = body
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default();
            assert!(!text.is_empty(), "{} {pointer}", case.line);
        }
    }
}

#[tokio::test]
async fn no_service_is_reached_at_a_private_address_unless_it_may() {
    let now = "2024-12-06T14:03:12Z".parse().unwrap();
    let alert = alert();
    for case in cases("http://127.0.0.1:9", false) {
        let envelope: Envelope = case
            .notifier
            .compose(&Message::new("delivery-1", &alert, now))
            .unwrap();
        let error = internet().send(envelope).await.unwrap_err();
        assert!(
            matches!(error, NetError::Private(_)),
            "{}: {error}",
            case.line
        );
        assert!(!error.to_string().contains("t0ken"), "{error}");
    }
}
