//! HTTP by reqwest. Redirects are followed here, hop by hop, because each hop must pass the address guard, because what
//! was permanent must be known, and because secrets stay with the origin that they were meant for.

use std::{io, sync::Arc, time::Duration};

use reqwest::{
    Client, Url,
    dns::Resolve,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

use super::{
    guard::{Resolver, check_host},
    gunzip::{self, End},
    room::{BODIES_BYTES_MAX, FREE_BYTES, Rooms, Share, grow},
    stage::{Progress, Stages},
    words::{causes, root_cause, tls_cause},
};
use crate::{
    envelope::{HeaderText, Method, NetError, Request, Response, Room, Stage},
    render::clean_line,
};

/// A GET waits for the first byte of its answer so long, or half its total where that is longer; the stages before it have
/// their own limits (`stage`), and the total bounds them all. Of other methods the answer's beginning is the answer.
const FIRST_BYTE_MAX: Duration = Duration::from_secs(20);

/// Ten thousand hosts polled every five minutes then hold some five hundred idle sockets, and feeds of one host that are
/// due together still share connections: as many as `per_host` lets be in use.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// No server takes a longer address (RFC 9110, 4.1, asks for 8,000 bytes at least); a redirect to one leads nowhere.
const URL_BYTES_MAX: usize = 8 << 10;

/// `br` and `zstd` are unpacked by reqwest, gzip here (`gunzip`).
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("gzip, br, zstd");

const CANNOT_READ: &str = "cannot read the body from";

/// Of an answer that is not the thing asked for: enough for its words.
const OTHER_BODY_BYTES_MAX: usize = 8 << 10;

/// Two clients with a pool each: a connection made with leave to go anywhere is never lent to a request without it.
#[derive(Debug)]
pub struct Http {
    guarded: Client,
    unguarded: Client,
    rooms: Rooms,
}

impl Http {
    /// # Errors
    /// A sentence, where the User-Agent cannot be sent.
    pub fn new(user_agent: &str, tls: ClientConfig) -> Result<Http, String> {
        let allow = |allow_private| Resolver { allow_private };
        let rooms = Rooms::new(BODIES_BYTES_MAX);
        Http::with_parts(user_agent, tls, rooms, allow(false), allow(true))
    }

    fn with_parts(
        user_agent: &str,
        tls: ClientConfig,
        rooms: Rooms,
        guarded: impl Resolve + 'static,
        unguarded: impl Resolve + 'static,
    ) -> Result<Http, String> {
        let user_agent = HeaderValue::from_str(user_agent)
            .map_err(|_| format!("the User-Agent {user_agent:?} cannot be sent in a header"))?;
        let client = |resolver: Arc<dyn Resolve>| {
            Client::builder()
                .user_agent(user_agent.clone())
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(resolver)
                .connector_layer(Stages)
                .pool_idle_timeout(IDLE_MAX)
                .redirect(Policy::none())
                .referer(false)
                .no_proxy() // Proxies come from the configuration alone, and the guard would not see past one.
                .http1_ignore_invalid_headers_in_responses(true)
                .http1_allow_spaces_after_header_name_in_responses(true)
                .http1_allow_obsolete_multiline_headers_in_responses(true)
                .build()
                .map_err(|error| format!("cannot set up HTTP: {}", root_cause(&error)))
        };
        Ok(Http {
            guarded: client(Arc::new(guarded))?,
            unguarded: client(Arc::new(unguarded))?,
            rooms,
        })
    }

    /// Sends a request, follows its redirects and reads the answer, all within the request's limits.
    pub async fn exchange(&self, request: Request) -> Result<Response, NetError> {
        let limits = request.limits;
        let deadline = Instant::now() + limits.total;
        let client = if limits.allow_private {
            &self.unguarded
        } else {
            &self.guarded
        };
        let first = Url::parse(&request.url)
            .map_err(|error| NetError::Unsendable(format!("not an address: {error}")))?;
        let mut url = first.clone();
        let mut hops = 0;
        // What moved cannot be remembered where the address holds a password: it would be lost, or stored.
        let mut is_all_permanent = !has_credentials(&first);
        let mut moved_to = None;
        loop {
            check(&url, limits.allow_private)?;
            let progress = Progress::begun();
            let sent = client.execute(compose(client, &request, &first, &url)?);
            let patience = match request.method {
                Method::Get => FIRST_BYTE_MAX.max(limits.total / 2).min(limits.total),
                _ => limits.total,
            };
            let until = deadline.min(Instant::now() + patience);
            let answer = match timeout_at(until, progress.follow(sent)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => return Err(explain(error, &url, "no answer from")),
                Err(_) => {
                    return Err(NetError::Late {
                        stage: progress.stage(),
                        after: patience,
                    });
                }
            };
            let follows = request.method == Method::Get && limits.redirects_max > 0;
            let Some(next) = redirect(&answer, &url).filter(|_| follows) else {
                let share = self.rooms.share();
                let mut response = read(answer, &request, &url, deadline, share).await?;
                response.moved_to = moved_to;
                return Ok(response);
            };
            if hops == limits.redirects_max {
                return Err(NetError::TooManyRedirects {
                    max: limits.redirects_max,
                });
            }
            hops += 1;
            is_all_permanent &= matches!(answer.status().as_u16(), 301 | 308);
            if is_all_permanent {
                moved_to = Some(without_credentials(&next));
            }
            url = next;
        }
    }
}

/// Whether this hop may be made at all.
fn check(url: &Url, allow_private: bool) -> Result<(), NetError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(NetError::Unsendable(format!(
            "an address with {}: is not followed, only https: and http:",
            url.scheme()
        )));
    }
    match url.host() {
        Some(host) if !allow_private => check_host(&host),
        Some(_) => Ok(()),
        None => Err(NetError::Unsendable("an address without a host".to_owned())),
    }
}

/// The request as it leaves for `url`. Secrets go to the origin of `first` alone.
fn compose(
    client: &Client,
    request: &Request,
    first: &Url,
    url: &Url,
) -> Result<reqwest::Request, NetError> {
    let is_home = url.origin() == first.origin();
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 1);
    headers.insert(header::ACCEPT_ENCODING, ACCEPT_ENCODING);
    for (name, value) in &request.headers {
        let unsendable =
            || NetError::Unsendable(format!("the header {name:?} cannot be sent as it is"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable())?;
        let is_credential = matches!(name.as_str(), "authorization" | "cookie");
        let (bytes, is_secret) = match value {
            HeaderText::Plain(bytes) => (bytes.as_slice(), is_credential),
            HeaderText::Secret(secret) => (secret.expose().as_bytes(), true),
        };
        if is_secret && !is_home {
            continue;
        }
        let mut value = HeaderValue::from_bytes(bytes).map_err(|_| unsendable())?;
        value.set_sensitive(is_secret);
        headers.append(key, value);
    }
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
    };
    let mut composed = client.request(method, url.clone()).headers(headers);
    if request.method != Method::Get {
        composed = composed.body(request.body.clone());
    }
    composed
        .build()
        .map_err(|error| explain(error, url, "cannot write the request to"))
}

/// Where the answer leads, as browsers read it (RFC 9110, 15.4; relative to the address that answered).
fn redirect(answer: &reqwest::Response, url: &Url) -> Option<Url> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.headers().get("location")?;
    let mut next = url
        .join(&String::from_utf8_lossy(location.as_bytes()))
        .ok()?;
    next.set_fragment(None);
    // A name and password of the server's choosing are not sent (RFC 9110, 4.2.4); the feed's own go to its own origin.
    // Neither can fail: the address has a host.
    let (username, password) = match next.origin() == url.origin() {
        true => (url.username(), url.password()),
        false => ("", None),
    };
    let _ = next.set_username(username);
    let _ = next.set_password(password);
    Some(next).filter(|next| next.as_str().len() <= URL_BYTES_MAX)
}

/// Reads the answer. A body that was asked for comes within its limits or is an error, and where it breaks off the answer says
/// so; of any other, such as the page of a 404 or a webhook's answer, the status is the message, and the beginning will do.
async fn read(
    mut answer: reqwest::Response,
    request: &Request,
    url: &Url,
    deadline: Instant,
    mut share: Share,
) -> Result<Response, NetError> {
    let limits = request.limits;
    let is_wanted = request.method == Method::Get && answer.status().is_success();
    let bytes_max = if is_wanted {
        limits.body_bytes_max
    } else {
        limits.body_bytes_max.min(OTHER_BODY_BYTES_MAX)
    };
    let mut response = Response {
        status: answer.status().as_u16(),
        headers: answer
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body: Vec::new(),
        url: without_credentials(url),
        moved_to: None,
        cut: None,
        room: Room::default(),
    };
    // These have no body, though some servers still name an encoding.
    if matches!(response.status, 204 | 304) {
        return Ok(response);
    }
    // What was decoded has lost this header. What still has it is compressed in another way and would be read as garbage;
    // words that name no compression (utf-8, none, binary) stand there by mistake, and browsers ignore them too.
    if let Some(encoding) = response.header_text("content-encoding")
        && is_wanted
        && is_compression(encoding)
    {
        return Err(NetError::Broken(format!(
            "{} sent the encoding {:?}, which was not asked for",
            name(url),
            clean_line(encoding, 40)
        )));
    }
    let announced = answer.content_length().unwrap_or(0);
    if is_wanted && announced > bytes_max as u64 {
        return Err(NetError::TooLarge { bytes_max });
    }
    // What it says of its length is believed as far as it costs nobody anything.
    let announced = usize::try_from(announced).unwrap_or(0);
    let begin = announced.min(FREE_BYTES).min(bytes_max);
    grow(&mut response.body, begin, 0, &mut share, deadline).await?;
    let mut cut = loop {
        let problem = match timeout_at(deadline, answer.chunk()).await {
            Ok(Ok(None)) => break None,
            Ok(Ok(Some(chunk))) => {
                let body = &mut response.body;
                let room = bytes_max - body.len();
                let fits = chunk.get(..room.min(chunk.len())).unwrap_or_default();
                let length = body.len() + fits.len();
                if length > body.capacity() {
                    let doubled = length.max(2 * body.capacity()).min(bytes_max);
                    grow(body, doubled, 0, &mut share, deadline).await?;
                }
                body.extend_from_slice(fits);
                if chunk.len() <= room {
                    continue;
                }
                NetError::TooLarge { bytes_max }
            }
            Ok(Err(error)) if breaks_off(&error) && !response.body.is_empty() => {
                break Some(root_cause(&error));
            }
            Ok(Err(error)) => explain(error, url, CANNOT_READ),
            Err(_) => NetError::Late {
                stage: Stage::Body {
                    bytes: response.body.len(),
                },
                after: limits.total,
            },
        };
        if is_wanted {
            return Err(problem);
        }
        break None;
    };
    let broken = |why: &str| NetError::Broken(format!("{CANNOT_READ} {}: {why}", name(url)));
    for _ in 0..gunzip::TIMES_MAX {
        if !gunzip::is_packed(&response.body) {
            break;
        }
        let packed = std::mem::take(&mut response.body);
        let body = &mut response.body;
        match gunzip::unpack(&packed, body, bytes_max, &mut share, deadline).await {
            Ok(End::Whole) => {}
            Ok(End::Cut) => cut = cut.or_else(|| Some("its gzip data ends early".to_owned())),
            Ok(End::Corrupt) if is_wanted => return Err(broken("its gzip data is corrupt")),
            Err(problem) if is_wanted => return Err(problem),
            Ok(End::Corrupt) | Err(_) => {}
        }
    }
    if is_wanted {
        if let Some(why) = cut.as_ref().filter(|_| response.body.is_empty()) {
            return Err(broken(why));
        }
        response.cut = cut;
    }
    if share.holds() {
        response.room = Room::held(share);
    }
    Ok(response)
}

/// Whether a body only ended before its end, so that what came is good: of one that does not decompress it need not be.
fn breaks_off(error: &reqwest::Error) -> bool {
    causes(error).iter().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        cause.is::<hyper::Error>() || io == Some(io::ErrorKind::UnexpectedEof)
    })
}

/// Whether it names a compression that nobody unpacked. gzip is known by its first bytes, whatever it is called.
fn is_compression(encoding: &str) -> bool {
    let encoding = encoding.to_ascii_lowercase();
    ["br", "zstd", "deflate", "compress"]
        .iter()
        .any(|name| encoding.contains(name))
}

/// Our own error where one of ours is the cause, else the cause in words. Never an address's path.
fn explain(error: reqwest::Error, url: &Url, what: &str) -> NetError {
    let error = error.without_url();
    let host = name(url);
    let causes = causes(&error);
    if let Some(ours) = causes
        .iter()
        .find_map(|cause| cause.downcast_ref::<NetError>())
    {
        return ours.clone();
    }
    if let Some(words) = tls_cause(&error) {
        return NetError::Tls(format!("{host}: {words}"));
    }
    let io_kind = causes
        .iter()
        .find_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    let reason = root_cause(&error);
    if error.is_builder() {
        NetError::Unsendable(format!("{what} {host}: {reason}"))
    } else if io_kind == Some(io::ErrorKind::ConnectionRefused) {
        NetError::Connect(format!("{host} refused the connection"))
    } else if error.is_connect() {
        NetError::Connect(format!("cannot connect to {host}: {reason}"))
    } else {
        NetError::Broken(format!("{what} {host}: {reason}"))
    }
}

/// Host, and port where it is written.
fn name(url: &Url) -> String {
    let host = url.host_str().unwrap_or("nowhere");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn without_credentials(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use reqwest::dns::{Addrs, Name, Resolving};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::envelope::Limits;

    fn request(url: String, allow_private: bool) -> Request {
        Request {
            method: Method::Get,
            url,
            headers: Vec::new(),
            body: Vec::new(),
            limits: Limits {
                total: Duration::from_secs(20),
                body_bytes_max: 1 << 20,
                redirects_max: 5,
                allow_private,
            },
        }
    }

    /// Answers as the real one, but for one name that stands for a public site.
    struct OnePublicSite(std::net::SocketAddr);

    impl Resolve for OnePublicSite {
        fn resolve(&self, name: Name) -> Resolving {
            if name.as_str() == "public.example" {
                let found = Box::new(std::iter::once(self.0)) as Addrs;
                return Box::pin(std::future::ready(Ok(found)));
            }
            Resolver {
                allow_private: false,
            }
            .resolve(name)
        }
    }

    #[tokio::test]
    async fn a_public_site_cannot_lead_to_a_private_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let port = address.port();
        let site = tokio::spawn(async move {
            let mut asked = 0;
            for location in [
                "http://127.0.0.1",
                "http://localhost",
                "http://[::ffff:127.0.0.1]",
            ] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 4096];
                asked += usize::from(stream.read(&mut head).await.unwrap() > 0);
                let answer = format!(
                    "HTTP/1.1 302 Found\r\nlocation: {location}:{port}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        });
        let tls = super::super::internet::tls_config().unwrap();
        let only_public = OnePublicSite(address);
        let http = Http::with_parts(
            "test",
            tls,
            Rooms::new(BODIES_BYTES_MAX),
            only_public,
            Resolver {
                allow_private: true,
            },
        )
        .unwrap();
        for _ in 0..3 {
            let request = request(format!("http://public.example:{port}/feed"), false);
            let error = http.exchange(request).await.unwrap_err();
            assert!(matches!(error, NetError::Private(_)), "{error:?}");
        }
        assert_eq!(site.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_large_body_is_counted_until_it_is_dealt_with() {
        const BODY: usize = 600 << 10;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/feed", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await.unwrap();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(&[b'x'; BODY]).await.unwrap();
            }
        });
        let tls = super::super::internet::tls_config().unwrap();
        let rooms = Rooms::new(BODIES_BYTES_MAX);
        let resolver = || Resolver {
            allow_private: true,
        };
        let shared = rooms.clone();
        let http = Http::with_parts("test", tls, shared, resolver(), resolver()).unwrap();
        let answer = http.exchange(request(url, true)).await.unwrap();
        assert_eq!(answer.body.len(), BODY);
        let is_counted = || rooms.free_bytes() + BODY <= BODIES_BYTES_MAX;
        assert!(is_counted());
        drop(answer.clone());
        assert!(is_counted());
        drop(answer);
        assert_eq!(rooms.free_bytes(), BODIES_BYTES_MAX);
    }
}
