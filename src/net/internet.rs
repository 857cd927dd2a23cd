//! The real world: reqwest for HTTP, lettre for mail, this machine's files and standard output.
//!
//! It needs tokio's real clock: timers inside reqwest stand still when tests pause time. Scenarios use a scripted [`Net`].

use std::sync::Arc;

use futures_util::future::BoxFuture;
use rustls::{
    ClientConfig, RootCertStore,
    client::{ClientSessionMemoryCache, Resumption},
    crypto::{CryptoProvider, ring},
};
use rustls_platform_verifier::Verifier;

use super::{Net, http::Http, local::Local, mail::Post, program, stage::Sessions};
use crate::envelope::{Envelope, NetError, Reply};

/// What is the same for everything that leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternetSettings {
    /// Sent with every HTTP request.
    pub user_agent: String,
}

impl InternetSettings {
    /// `wirewatch/0.1.0 (+ops@example.org)`, so that a server's operator knows whom to ask.
    pub fn with_contact(contact: Option<&str>) -> InternetSettings {
        let version = env!("CARGO_PKG_VERSION");
        InternetSettings {
            user_agent: match contact {
                Some(contact) => format!("wirewatch/{version} (+{contact})"),
                None => format!("wirewatch/{version}"),
            },
        }
    }
}

/// The internet and this machine.
#[derive(Debug)]
pub struct Internet {
    http: Http,
    post: Post,
    local: Local,
}

/// Servers whose TLS sessions are remembered, so that a poll on a new connection needs no full handshake. A session with
/// its tickets and certificates takes about 10 KB, so all of them stay near 10 MB.
const TLS_SESSIONS_MAX: usize = 1024;

impl Internet {
    /// # Errors
    /// A sentence, where the User-Agent cannot be sent or TLS cannot be set up.
    pub fn new(settings: InternetSettings) -> Result<Internet, String> {
        // lettre asks for the process's provider; one is enough, and it may be there already.
        let _ = ring::default_provider().install_default();
        Ok(Internet {
            http: Http::new(&settings.user_agent, tls_config()?)?,
            post: Post::default(),
            local: Local::default(),
        })
    }
}

impl Net for Internet {
    fn send(&self, envelope: Envelope) -> BoxFuture<'_, Result<Reply, NetError>> {
        Box::pin(async move {
            match envelope {
                Envelope::Http(request) if request.url.starts_with("file:") => {
                    self.local.read(request).await.map(Reply::Http)
                }
                Envelope::Http(request) => self.http.exchange(request).await.map(Reply::Http),
                Envelope::Mail(mail) => self.post.deliver(*mail).await.map(Reply::Mail),
                Envelope::Print(line) => self.local.print(line).await.map(|()| Reply::Written),
                Envelope::Append { path, line } => {
                    self.local.append(path, line).await.map(|()| Reply::Written)
                }
                Envelope::Replace { path, text } => self
                    .local
                    .replace(path, text)
                    .await
                    .map(|()| Reply::Written),
                Envelope::Run(program) => program::run(program).await.map(Reply::Exit),
            }
        })
    }
}

/// One for all clients, so that they share the remembered sessions.
pub(super) fn tls_config() -> Result<ClientConfig, String> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set up TLS: {error}"))?;
    let config = match Verifier::new(provider) {
        Ok(verifier) => builder
            .dangerous() // rustls's word for every verifier that is not its own; this one is stricter, not laxer.
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth(),
        // A machine without certificates can still poll http: and file: feeds; https: feeds each say what is wrong.
        Err(error) => {
            tracing::warn!(%error, "no certificate authorities on this machine: https will fail until ca-certificates is installed");
            builder
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth()
        }
    };
    Ok(resuming(config))
}

/// With a memory for sessions: a host that is asked again is spared the long handshake.
fn resuming(mut config: ClientConfig) -> ClientConfig {
    let sessions = ClientSessionMemoryCache::new(TLS_SESSIONS_MAX);
    config.resumption = Resumption::store(Arc::new(Sessions(sessions)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        time::Duration,
    };

    use rustls::{
        HandshakeKind, ServerConfig, ServerConnection, SupportedProtocolVersion,
        pki_types::{CertificateDer, PrivateKeyDer},
        version::{TLS12, TLS13},
    };

    use super::*;
    use crate::envelope::{Limits, Method, Request};

    fn certificate() -> CertificateDer<'static> {
        include_bytes!("../../tests/data/tls/cert.der")
            .as_slice()
            .into()
    }

    /// Answers so many connections one after the other, closing each, and says what kind of handshake each began with.
    fn serve(
        listener: TcpListener,
        version: &'static SupportedProtocolVersion,
        connections: usize,
    ) -> Vec<HandshakeKind> {
        let key = include_bytes!("../../tests/data/tls/key.der").as_slice();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate()], PrivateKeyDer::try_from(key).unwrap())
            .unwrap();
        let config = Arc::new(config);
        let one = |_| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut tls = ServerConnection::new(config.clone()).unwrap();
            let mut plain = rustls::Stream::new(&mut tls, &mut stream);
            assert!(plain.read(&mut [0; 4096]).unwrap() > 0);
            let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
            plain.write_all(answer.as_bytes()).unwrap();
            tls.send_close_notify();
            tls.complete_io(&mut stream).unwrap();
            tls.handshake_kind().unwrap()
        };
        (0..connections).map(one).collect()
    }

    #[tokio::test]
    async fn a_host_that_is_asked_again_is_spared_the_long_handshake() {
        for version in [&TLS13, &TLS12] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("https://{}/feed", listener.local_addr().unwrap());
            let server = std::thread::spawn(move || serve(listener, version, 3));
            let mut roots = RootCertStore::empty();
            roots.add(certificate()).unwrap();
            let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let http = Http::new("test", resuming(config)).unwrap();
            for _ in 0..3 {
                let request = Request {
                    method: Method::Get,
                    url: url.clone(),
                    headers: Vec::new(),
                    body: Vec::new(),
                    limits: Limits {
                        total: Duration::from_secs(20),
                        body_bytes_max: 1000,
                        redirects_max: 0,
                        allow_private: true,
                    },
                };
                assert_eq!(http.exchange(request).await.unwrap().body, b"hi");
            }
            use HandshakeKind::{Full, Resumed};
            assert_eq!(
                server.join().unwrap(),
                [Full, Resumed, Resumed],
                "{version:?}"
            );
        }
    }
}
