//! A scripted mail server: it says its lines and records what it hears.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};
use wirewatch::{
    envelope::{Envelope, Mail, MailReply, MailSecurity, MailServer, NetError, Reply},
    net::Net,
    secret::Secret,
};

use super::{closed_port, internet};

/// What the server says to commands that begin so; the first that fits. Everything else gets `250 ok`.
type Script = &'static [(&'static str, &'static str)];

const EHLO: (&str, &str) = (
    "EHLO",
    "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
);

/// Starts the server for one conversation; the task's result is all lines it heard.
async fn start(script: Script) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        let mut heard = Vec::new();
        let answer = |line: &str| {
            let said = script.iter().find(|(start, _)| line.starts_with(start));
            said.map_or("250 ok", |(_, answer)| *answer).to_owned() + "\r\n"
        };
        let mut is_message = false;
        // The pseudo-command that stands for the moment of connecting.
        let greeting = script.iter().find(|(start, _)| *start == "CONNECT");
        let greeting = greeting.map_or("220 mail.test", |(_, greeting)| *greeting);
        let _ = writer.write_all(format!("{greeting}\r\n").as_bytes()).await;
        while let Ok(Some(line)) = lines.next_line().await {
            heard.push(line.clone());
            if is_message && line != "." {
                continue;
            }
            let reply = match (is_message, line.as_str()) {
                (true, _) => answer("END"),
                (false, "DATA") => "354 go on\r\n".to_owned(),
                (false, command) => answer(command),
            };
            is_message = !is_message && line == "DATA";
            if reply.starts_with("HANG") {
                continue;
            }
            if writer.write_all(reply.as_bytes()).await.is_err() {
                break;
            }
        }
        heard
    });
    (port, heard)
}

fn mail(port: u16) -> Mail {
    Mail {
        server: MailServer {
            host: "127.0.0.1".to_owned(),
            port,
            security: MailSecurity::None,
            credentials: None,
        },
        from: "Wirewatch Desk <ops@example.org>".to_owned(),
        to: vec!["a@example.org".to_owned(), "b@example.org".to_owned()],
        subject: "[high] Наступление: Rebels advance".to_owned(),
        text: format!("one\n.\nQUIT\n{}\n", "x".repeat(3000)),
        html: Some("<p>one</p>".to_owned()),
        message_id: "a1.2.ff@example.org".to_owned(),
        in_reply_to: Some("a1.1.ff@example.org".to_owned()),
        date: "2024-12-06T14:03:12Z".parse().unwrap(),
        timeout: Duration::from_secs(20),
        allow_private: true,
    }
}

async fn deliver(mail: Mail) -> Result<MailReply, NetError> {
    match internet().send(Envelope::Mail(Box::new(mail))).await? {
        Reply::Mail(reply) => Ok(reply),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_mail_arrives_whole_and_nothing_in_it_is_a_command() {
    let (port, heard) = start(&[EHLO, ("END", "250 2.0.0 queued as 42")]).await;
    let mut mail = mail(port);
    mail.subject = format!("Headline\r\nBcc: all@example.org {}", "ж".repeat(3000));
    let reply = deliver(mail).await.unwrap();
    assert_eq!(
        reply,
        MailReply {
            code: 250,
            text: "2.0.0 queued as 42".to_owned()
        }
    );
    let heard = heard.await.unwrap();
    assert_eq!(heard[1], "MAIL FROM:<ops@example.org>");
    assert_eq!(heard[2], "RCPT TO:<a@example.org>");
    assert_eq!(heard[3], "RCPT TO:<b@example.org>");
    assert_eq!(heard[4], "DATA");
    assert_eq!(heard.last().unwrap(), "QUIT");
    // The lone dot of the text did not end the message, and its QUIT stayed text.
    let end = heard.iter().position(|line| line == ".").unwrap();
    assert_eq!(end, heard.len() - 2);
    let message = &heard[5..end];
    for header in [
        "From: \"Wirewatch Desk\" <ops@example.org>",
        "Message-ID: <a1.2.ff@example.org>",
        "In-Reply-To: <a1.1.ff@example.org>",
        "References: <a1.1.ff@example.org>",
        "Auto-Submitted: auto-generated",
        "Date: Fri, 06 Dec 2024 14:03:12 +0000",
    ] {
        assert!(
            message.iter().any(|line| line == header),
            "{header}\n{message:#?}"
        );
    }
    assert!(!message.iter().any(|line| line.starts_with("Bcc:")));
    assert!(
        message
            .iter()
            .all(|line| line.len() <= 998 && line.is_ascii())
    );
}

#[tokio::test]
async fn nothing_goes_out_in_the_clear_where_encryption_was_asked_for() {
    for (security, script, words) in [
        (
            MailSecurity::StartTls,
            &[EHLO][..],
            "does not offer STARTTLS",
        ),
        (
            MailSecurity::StartTls,
            &[
                ("EHLO", "250-mail.test\r\n250 STARTTLS"),
                ("STARTTLS", "220 go"),
            ],
            "hung up in the middle",
        ),
        (MailSecurity::Tls, &[EHLO], "does not speak TLS"),
    ] {
        let (port, heard) = start(script).await;
        let mut mail = mail(port);
        mail.server.security = security;
        mail.server.credentials = Some(("ops".to_owned(), Secret::new("s3cret")));
        let error = deliver(mail).await.unwrap_err();
        assert!(
            matches!(&error, NetError::Tls(text) if text.contains(words)),
            "{error:?}"
        );
        let heard = heard.await.unwrap();
        assert!(
            !heard
                .iter()
                .any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")),
            "{heard:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_is_a_reply_with_its_code() {
    for (script, code, text) in [
        (
            &[("CONNECT", "421 4.3.2 too busy")][..],
            421,
            "4.3.2 too busy",
        ),
        (
            &[EHLO, ("AUTH", "535 5.7.8 who are you")],
            535,
            "5.7.8 who are you",
        ),
        (
            &[EHLO, ("MAIL", "451 4.7.1 greylisted")],
            451,
            "4.7.1 greylisted",
        ),
        (
            &[EHLO, ("RCPT", "550 5.1.1 no such user")],
            550,
            "5.1.1 no such user",
        ),
        (
            &[EHLO, ("RCPT TO:<b@", "450 4.2.0 later")],
            450,
            "4.2.0 later",
        ),
        (&[EHLO, ("END", "554 5.6.0 no")], 554, "5.6.0 no"),
        (
            &[EHLO, ("END", "250-2.0.0 first\r\n250 2.0.0 second")],
            250,
            "2.0.0 first 2.0.0 second",
        ),
        // One dead mailbox does not keep the alert from the others.
        (
            &[EHLO, ("RCPT TO:<a@", "550 5.1.1 no such user")],
            250,
            "ok",
        ),
        // The message is taken: a lost goodbye does not make it be sent again.
        (&[EHLO, ("QUIT", "HANG")], 250, "ok"),
    ] {
        let (port, _heard) = start(script).await;
        let mut mail = mail(port);
        mail.server.credentials = Some(("ops".to_owned(), Secret::new("s3cret")));
        let reply = deliver(mail).await.unwrap();
        assert_eq!(
            reply,
            MailReply {
                code,
                text: text.to_owned()
            }
        );
    }
}

#[tokio::test]
async fn no_reply_is_an_error_in_words() {
    let (port, _heard) = start(&[EHLO, ("MAIL", "HANG")]).await;
    let mut hanging = mail(port);
    hanging.timeout = Duration::from_millis(300);
    let after = hanging.timeout;
    let doing = "talking to the mail server";
    assert_eq!(
        deliver(hanging).await,
        Err(NetError::TimedOut { doing, after })
    );

    let (port, _heard) = start(&[]).await;
    let mut guarded = mail(port);
    guarded.allow_private = false;
    assert!(matches!(deliver(guarded).await, Err(NetError::Private(_))));

    let (port, _heard) = start(&[("CONNECT", "nonsense")]).await;
    assert!(matches!(
        deliver(mail(port)).await,
        Err(NetError::Broken(_))
    ));

    // A reply too many, as one injected before encryption would be: what came last is not about our message.
    let (port, _heard) = start(&[EHLO, ("MAIL", "250 ok\r\n250 ok")]).await;
    let error = deliver(mail(port)).await.unwrap_err();
    assert!(
        matches!(&error, NetError::Broken(text) if text.contains("out of step")),
        "{error:?}"
    );

    let port = closed_port().await.port();
    let error = deliver(mail(port)).await.unwrap_err();
    assert_eq!(
        error,
        NetError::Connect(format!("127.0.0.1:{port} refused the connection"))
    );

    let mut nowhere = mail(25);
    nowhere.server.host = "no-such-host.invalid".to_owned();
    assert!(matches!(deliver(nowhere).await, Err(NetError::Name(_))));

    let mut bad = mail(25);
    bad.to = vec!["not an address".to_owned()];
    assert!(matches!(deliver(bad).await, Err(NetError::Unsendable(_))));
}
