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
    let mut config = match Verifier::new(provider) {
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
    let sessions = ClientSessionMemoryCache::new(TLS_SESSIONS_MAX);
    config.resumption = Resumption::store(Arc::new(Sessions(sessions)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
