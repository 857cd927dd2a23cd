//! Mail by lettre, one connection a message, step by step: so that the address guard stands before the connection, so
//! that nothing goes out in the clear where encryption was asked for, and so that one dead mailbox does not keep an
//! alert from the other readers.

use std::{
    collections::HashMap,
    error::Error as _,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands,
        extension::ClientId,
    },
};

use super::{
    guard::look_up,
    words::{root_cause, tls_cause},
};
use crate::{
    envelope::{Mail, MailReply, MailSecurity, MailServer, NetError},
    render::clean_line,
};

/// For one address of the server; within the envelope's total.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// For a last word after the message is taken; no answer to it changes anything.
const QUIT_MAX: Duration = Duration::from_secs(1);

/// The way to mail servers.
#[derive(Default)]
pub struct Post {
    /// Loading this machine's certificate authorities takes milliseconds, so once a host.
    tls: Mutex<HashMap<String, TlsParameters>>,
}

/// Why a conversation ended early: the server said no, or there was no conversation.
enum Stop {
    Refused(MailReply),
    Failed(NetError),
}

impl Post {
    /// Hands a mail to its server. A refusal with a code is a reply; only where no code came is there an error.
    pub async fn deliver(&self, mail: Mail) -> Result<MailReply, NetError> {
        let message = write(&mail)?;
        let talk = tokio::time::timeout(mail.timeout, self.talk(&mail, &message)).await;
        match talk {
            Ok(Ok((mut connection, reply))) => {
                let _ = tokio::time::timeout(QUIT_MAX, connection.quit()).await;
                Ok(reply)
            }
            Ok(Err(Stop::Refused(reply))) => Ok(reply),
            Ok(Err(Stop::Failed(error))) => Err(error),
            Err(_) => Err(NetError::TimedOut {
                doing: "talking to the mail server",
                after: mail.timeout,
            }),
        }
    }

    async fn talk(
        &self,
        mail: &Mail,
        message: &Message,
    ) -> Result<(AsyncSmtpConnection, MailReply), Stop> {
        let server = &mail.server;
        let stop = |error| stop(server, error);
        let mut connection = self.connect(mail).await?;
        if let Some((user, password)) = &server.credentials {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            let known = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&known, &credentials).await.map_err(stop)?;
        }
        let from = message.envelope().from().cloned();
        connection
            .command(commands::Mail::new(from, Vec::new()))
            .await
            .map_err(stop)?;
        self.name_readers(&mut connection, mail, message.envelope().to())
            .await?;
        let ready = connection.command(commands::Data).await.map_err(stop)?;
        // Replies slipped in before STARTTLS would answer later commands; then this one is not the answer to DATA.
        if !ready.has_code(354) {
            return Err(Stop::Failed(NetError::Broken(format!(
                "{}:{} answers out of step: {} to DATA",
                server.host,
                server.port,
                ready.code()
            ))));
        }
        let taken = connection
            .message(&message.formatted())
            .await
            .map_err(stop)?;
        let reply = MailReply {
            code: taken.code().into(),
            text: clean_line(&taken.message().collect::<Vec<_>>().join(" "), 500),
        };
        Ok((connection, reply))
    }

    /// Connects to one of the server's permitted addresses, encrypted as the settings ask.
    async fn connect(&self, mail: &Mail) -> Result<AsyncSmtpConnection, Stop> {
        let server = &mail.server;
        let addresses = look_up(&server.host, server.port, mail.allow_private)
            .await
            .map_err(Stop::Failed)?;
        let tls = match server.security {
            MailSecurity::None => None,
            MailSecurity::Tls | MailSecurity::StartTls => {
                Some(self.tls(&server.host).map_err(Stop::Failed)?)
            }
        };
        let hello = ClientId::default();
        let from_first_byte = tls.clone().filter(|_| server.security == MailSecurity::Tls);
        let mut connection = open(server, &addresses, &hello, from_first_byte).await?;
        if let Some(tls) = tls.filter(|_| server.security == MailSecurity::StartTls) {
            if !connection.can_starttls() {
                return Err(Stop::Failed(NetError::Tls(format!(
                    "{}:{} does not offer STARTTLS, and mail is not sent in the clear",
                    server.host, server.port
                ))));
            }
            connection
                .starttls(tls, &hello)
                .await
                .map_err(|error| stop(server, error))?;
        }
        Ok(connection)
    }

    /// Names the readers to the server. One that it refuses for good is left out and logged, for the others must not miss
    /// the alert, and a repeat would reach them again and again. "Try later" for one ends it for all, before anybody got it.
    async fn name_readers(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Mail,
        readers: &[Address],
    ) -> Result<(), Stop> {
        let mut refused = Vec::new();
        for reader in readers {
            let rcpt = commands::Rcpt::new(reader.clone(), Vec::new());
            match connection.command(rcpt).await {
                Ok(_) => {}
                Err(error) if error.is_permanent() => refused.push((reader, error)),
                Err(error) => return Err(stop(&mail.server, error)),
            }
        }
        let is_nobody_left = refused.len() == readers.len();
        for (reader, error) in refused {
            if is_nobody_left {
                return Err(stop(&mail.server, error));
            }
            tracing::warn!(to = %reader, server = %mail.server.host, reason = %root_cause(&error), "mail server refused a reader, the others get the mail");
        }
        Ok(())
    }

    fn tls(&self, host: &str) -> Result<TlsParameters, NetError> {
        let mut known = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parameters) = known.get(host) {
            return Ok(parameters.clone());
        }
        let parameters = TlsParameters::new(host.to_owned())
            .map_err(|error| NetError::Tls(format!("cannot set up TLS: {}", root_cause(&error))))?;
        known.insert(host.to_owned(), parameters.clone());
        Ok(parameters)
    }
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Post")
    }
}

/// The first of the addresses that answers.
async fn open(
    server: &MailServer,
    addresses: &[SocketAddr],
    hello: &ClientId,
    tls: Option<TlsParameters>,
) -> Result<AsyncSmtpConnection, Stop> {
    let mut last = Stop::Failed(NetError::Name(format!("no such host: {}", server.host)));
    for address in addresses {
        let opened = AsyncSmtpConnection::connect_tokio1(
            address,
            Some(CONNECT_MAX),
            hello,
            tls.clone(),
            None,
        );
        match opened.await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = stop(server, error),
        }
        // A server that answered was reached; its other addresses would say the same.
        if matches!(last, Stop::Refused(_)) {
            break;
        }
    }
    Err(last)
}

fn stop(server: &MailServer, error: Error) -> Stop {
    let host = format!("{}:{}", server.host, server.port);
    if let Some(code) = error.status() {
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        return Stop::Refused(MailReply {
            code: code.into(),
            text: clean_line(&text, 500),
        });
    }
    let refused = super::words::causes(&error)
        .iter()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
    Stop::Failed(if let Some(words) = tls_cause(&error) {
        NetError::Tls(format!("{host}: {words}"))
    } else if refused {
        NetError::Connect(format!("{host} refused the connection"))
    } else if error.is_timeout() {
        NetError::TimedOut {
            doing: "connecting to the mail server",
            after: CONNECT_MAX,
        }
    } else {
        NetError::Broken(format!("{host}: {}", root_cause(&error)))
    })
}

/// The message as it travels. `Auto-Submitted` (RFC 3834) keeps holiday notices from answering.
fn write(mail: &Mail) -> Result<Message, NetError> {
    let unsendable = |what: &str, error: &dyn std::fmt::Display| {
        NetError::Unsendable(format!("the mail cannot be written: {what}: {error}"))
    };
    let mailbox = |text: &str| -> Result<Mailbox, NetError> {
        // lettre panics on a line break in a name.
        clean_line(text, usize::MAX)
            .parse()
            .map_err(|error| unsendable("address", &error))
    };
    let mut builder = Message::builder()
        .from(mailbox(&mail.from)?)
        .subject(clean_line(&mail.subject, 300))
        .date(SystemTime::from(mail.date))
        .message_id(Some(format!("<{}>", mail.message_id)))
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    for to in &mail.to {
        builder = builder.to(mailbox(to)?);
    }
    if let Some(first) = &mail.in_reply_to {
        builder = builder
            .in_reply_to(format!("<{first}>"))
            .references(format!("<{first}>"));
    }
    let message = match &mail.html {
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(
            mail.text.clone(),
            html.clone(),
        )),
        None => builder.singlepart(SinglePart::plain(mail.text.clone())),
    };
    message.map_err(|error| unsendable("message", &error))
}
