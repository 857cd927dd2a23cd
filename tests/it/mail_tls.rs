//! Mail over TLS: the built binary against a mail server on loopback whose certificate a CA of our own signed. What is heard
//! before and after the handshake decides: no password and no mail in the clear, none to a server that cannot prove its name.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
    thread::JoinHandle,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;

/// A CA, and a certificate of its own for one name; the CA as PEM.
fn certified(name: &str) -> (String, Arc<ServerConfig>) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (pem, Arc::new(config))
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// From the first byte.
    Tls,
    StartTls,
    /// Somebody between the two took the offer of encryption out.
    Stripped,
}

/// What the server heard in the clear, and under TLS.
#[derive(Default, Debug)]
struct Heard {
    clear: Vec<String>,
    sealed: Vec<String>,
}

/// A mail server for one conversation.
fn serve(way: Way, tls: Arc<ServerConfig>) -> (u16, JoinHandle<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = Heard::default();
        let sealed = |stream| StreamOwned::new(ServerConnection::new(tls.clone()).unwrap(), stream);
        if way == Way::Tls {
            converse(
                &mut sealed(stream),
                true,
                "AUTH PLAIN LOGIN",
                &mut heard.sealed,
            );
            return heard;
        }
        let offer = match way {
            Way::StartTls => "STARTTLS",
            _ => "AUTH PLAIN LOGIN",
        };
        if converse(&mut stream, true, offer, &mut heard.clear) {
            converse(
                &mut sealed(stream),
                false,
                "AUTH PLAIN LOGIN",
                &mut heard.sealed,
            );
        }
        heard
    });
    (port, heard)
}

/// Answers until the client leaves, or wants to go on under TLS: then true.
fn converse(
    stream: &mut (impl Read + Write),
    greets: bool,
    offer: &str,
    heard: &mut Vec<String>,
) -> bool {
    if greets && stream.write_all(b"220 mail.test\r\n").is_err() {
        return false;
    }
    let mut is_message = false;
    loop {
        // Byte by byte: what comes after STARTTLS is no line of this conversation.
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(1) => line.push(byte[0]),
                _ => return false,
            }
        }
        let line = String::from_utf8(line).unwrap().trim_end().to_owned();
        heard.push(line.clone());
        let reply = match line.as_str() {
            "." => {
                is_message = false;
                "250 2.0.0 queued".to_owned()
            }
            _ if is_message => continue,
            "DATA" => {
                is_message = true;
                "354 go on".to_owned()
            }
            hello if hello.starts_with("EHLO") => format!("250-mail.test\r\n250 {offer}"),
            auth if auth.starts_with("AUTH") => "235 welcome".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            "STARTTLS" => "220 go ahead".to_owned(),
            _ => "250 ok".to_owned(),
        };
        if stream.write_all(format!("{reply}\r\n").as_bytes()).is_err() {
            return false;
        }
        if line == "STARTTLS" {
            return true;
        }
    }
}

/// `receiver test` of a receiver that mails through this port of localhost, trusting the CA in this file.
fn receiver_test(folder: &Path, port: u16, tls: &str) -> Output {
    let config = format!(
        r#"
[receivers.mail]
type = "email"
host = "localhost"
port = {port}
tls = "{tls}"
from = "ops@example.org"
to = ["desk@example.org"]
username = "ops"
password = "correct-horse"
allow_private = true
timeout = "20s"
"#
    );
    std::fs::write(folder.join("wirewatch.toml"), config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_wirewatch"))
        .args(["-c", "wirewatch.toml", "receiver", "test", "mail"])
        .current_dir(folder)
        .env("SSL_CERT_FILE", folder.join("ca.pem"))
        .env_remove("SSL_CERT_DIR")
        .env_remove("STATE_DIRECTORY")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// One try: the certificate's name, whether its CA is the trusted one, the way; whether the mail arrives, or what is said.
fn check(way: Way, name: &str, is_trusted: bool, expected: Result<(), &str>) {
    let folder = TempDir::new().unwrap();
    let (pem, config) = certified(name);
    let trusted = match is_trusted {
        true => pem,
        false => certified(name).0,
    };
    std::fs::write(folder.path().join("ca.pem"), trusted).unwrap();
    let (port, heard) = serve(way, config);
    let tls = if way == Way::Tls { "tls" } else { "starttls" };
    let output = receiver_test(folder.path(), port, tls);
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    // Whoever never came must not be waited for.
    let _ = TcpStream::connect(("127.0.0.1", port));
    let heard = heard.join().unwrap();
    let clear_says = |word: &str| heard.clear.iter().any(|line| line.starts_with(word));
    assert!(!clear_says("AUTH") && !clear_says("MAIL"), "{heard:?}");
    assert!(!said.contains("correct-horse"), "{said}");
    match expected {
        Ok(()) => {
            assert_eq!(output.status.code(), Some(0), "{said}");
            for word in [
                "AUTH",
                "MAIL FROM:<ops@example.org>",
                "RCPT TO:<desk@example.org>",
                "Subject:",
            ] {
                assert!(
                    heard.sealed.iter().any(|line| line.starts_with(word)),
                    "{heard:?}"
                );
            }
        }
        Err(words) => {
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(words), "{said}");
            assert!(
                !heard.sealed.iter().any(|line| line.starts_with("AUTH")),
                "{heard:?}"
            );
        }
    }
}

#[test]
fn mail_goes_out_under_tls_from_the_first_byte() {
    check(Way::Tls, "localhost", true, Ok(()));
}

#[test]
fn mail_goes_out_once_starttls_is_through() {
    check(Way::StartTls, "localhost", true, Ok(()));
}

#[test]
fn without_the_offer_of_starttls_nothing_goes_out() {
    check(
        Way::Stripped,
        "localhost",
        true,
        Err("does not offer STARTTLS"),
    );
}

#[test]
fn a_server_that_cannot_prove_its_name_gets_nothing() {
    for way in [Way::Tls, Way::StartTls] {
        check(way, "localhost", false, Err("certificate"));
        check(way, "mail.example.net", true, Err("certificate"));
    }
}
