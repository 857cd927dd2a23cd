//! What receivers get through the real door: signed webhooks, whole lines, and feeds that are files.

use std::{io::Write, time::Duration};

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wirewatch::{
    envelope::{Envelope, HeaderText, NetError},
    model::{Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Severity},
    net::Net,
    notify::{
        Message, Notifier, Verdict,
        webhook::{self, Webhook},
    },
    secret::Secret,
};

use super::{
    get, internet, send,
    server::{Answer, Server},
};

#[tokio::test]
async fn a_webhook_is_signed_over_the_bytes_that_leave() {
    let server = Server::start(|seen| match seen.path() {
        "/hook" => Answer::text("HTTP/1.1 204 No Content\n\n"),
        "/busy" => Answer::text("HTTP/1.1 503 Busy\nretry-after: 120\ncontent-length: 4\n\nbusy"),
        "/gone" => Answer::text("HTTP/1.1 410 Gone\ncontent-length: 0\n\n"),
        _ => Answer::redirect(307, "/hook"),
    })
    .await;
    let alert = alert();
    let now = "2024-12-06T14:03:12Z".parse().unwrap();
    let id = "msg_42";
    for (path, verdict) in [
        ("/hook", Verdict::Accepted),
        (
            "/busy",
            Verdict::TryAfter(
                Some(Duration::from_secs(120)),
                "503 Service Unavailable: busy".to_owned(),
            ),
        ),
        ("/gone", Verdict::Gone("410 Gone".to_owned())),
        (
            "/moved",
            Verdict::TryAfter(
                None,
                "307 Temporary Redirect: redirects are not followed, configure the final address"
                    .to_owned(),
            ),
        ),
    ] {
        let webhook = Webhook::new(webhook::Settings {
            url: server.url(path),
            secret: Some(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
            headers: vec![("Authorization".to_owned(), Secret::new("Bearer t0ken"))],
            timeout: Duration::from_secs(10),
            allow_private: true,
        })
        .unwrap();
        let envelope = webhook.compose(&Message::new(id, &alert, now)).unwrap();
        let reply = internet().send(envelope).await.unwrap();
        assert_eq!(webhook.verdict(&reply, now), verdict, "{path}");
        let seen = server.seen().pop().unwrap();
        assert_eq!(seen.line, format!("POST {path} HTTP/1.1"));
        assert_eq!(seen.all("content-type"), [b"application/json"]);
        assert_eq!(seen.all("authorization"), [b"Bearer t0ken"]);
        assert_eq!(seen.all("webhook-id"), [b"msg_42"]);
        assert_eq!(seen.all("webhook-timestamp"), [b"1733493792"]);
        let read: Alert = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!(read, alert);
        let key = base64::engine::general_purpose::STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(b"msg_42.1733493792.");
        mac.update(&seen.body);
        let signature = seen.all("webhook-signature")[0]
            .strip_prefix(b"v1,")
            .unwrap();
        let signature = base64::engine::general_purpose::STANDARD
            .decode(signature)
            .unwrap();
        mac.verify_slice(&signature).unwrap();
    }
    assert_eq!(server.seen().len(), 4, "the redirect was not followed");
}

pub(super) fn alert() -> Alert {
    let at = "2024-12-06T14:03:11.204Z".parse().unwrap();
    Alert {
        version: 1,
        id: "a1".to_owned(),
        revision: 1,
        status: AlertStatus::Firing,
        rule: "rebel-advance".to_owned(),
        title: "Armed group gains ground".to_owned(),
        severity: Severity::High,
        tags: Vec::new(),
        drill: false,
        item: AlertItem {
            id: "i1".to_owned(),
            feed: "bbc-world".to_owned(),
            publisher: "bbc".to_owned(),
            title: "Rebels \u{1b}[31m advance \u{202e} تقدم 👩‍🚒".to_owned(),
            url: String::new(),
            summary: String::new(),
            lang: None,
            published: None,
            seen: at,
        },
        hits: Vec::new(),
        story: AlertStory {
            id: "s1".to_owned(),
            items: 1,
            publishers: vec!["bbc".to_owned()],
            origins: 1,
        },
        timing: AlertTiming {
            published: None,
            seen: at,
            matched: at,
            queued: at,
        },
    }
}

#[tokio::test]
async fn lines_are_appended_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    let internet = internet();
    let append = |line: &str| {
        internet.send(Envelope::Append {
            path: path.clone(),
            line: line.to_owned(),
        })
    };
    append("one").await.unwrap();
    append("two").await.unwrap();
    // A crash left half a line: the next one starts its own.
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"{\"half\":")
        .unwrap();
    append("three").await.unwrap();
    let lines: Vec<String> = (0..50)
        .map(|n| format!("line {n} {}", "x".repeat(5000)))
        .collect();
    let all = futures_util::future::join_all(lines.iter().map(|line| append(line))).await;
    assert!(all.iter().all(Result::is_ok));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("one\ntwo\n{\"half\":\nthree\n"), "{text}");
    assert!(text.ends_with('\n'));
    let mut written: Vec<&str> = text.lines().skip(4).collect();
    let mut expected: Vec<&str> = lines.iter().map(String::as_str).collect();
    written.sort_unstable();
    expected.sort_unstable();
    assert_eq!(written, expected);
    let missing = folder.path().join("no/such/folder/alerts.jsonl");
    let error = internet
        .send(Envelope::Append {
            path: missing.clone(),
            line: String::new(),
        })
        .await
        .unwrap_err();
    assert_eq!(
        error,
        NetError::Local(format!(
            "cannot write to {}: no such file or directory",
            missing.display()
        ))
    );
}

#[tokio::test]
async fn a_file_answers_as_a_server_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my feed.xml");
    std::fs::write(&path, "<rss/>").unwrap();
    let url = url::Url::from_file_path(&path).unwrap();
    let first = send(get(url.as_str())).await.unwrap();
    assert_eq!((first.status, first.body.as_slice()), (200, &b"<rss/>"[..]));
    let mut again = get(url.as_str());
    let etag = first.header("etag").unwrap().to_vec();
    again
        .headers
        .push(("if-none-match".to_owned(), HeaderText::Plain(etag)));
    assert_eq!(send(again.clone()).await.unwrap().status, 304);
    std::fs::write(&path, "<rss></rss>").unwrap();
    assert_eq!(send(again.clone()).await.unwrap().status, 200);
    again.limits.body_bytes_max = 10;
    assert_eq!(send(again).await, Err(NetError::TooLarge { bytes_max: 10 }));
    for bad in [folder.path().join("missing.xml"), folder.path().to_owned()] {
        let bad = url::Url::from_file_path(bad).unwrap();
        let error = send(get(bad.as_str())).await.unwrap_err();
        assert!(matches!(error, NetError::Local(_)), "{error:?}");
    }
}
