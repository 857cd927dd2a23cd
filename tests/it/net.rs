//! The real door against a loopback server: what leaves byte for byte, what is cut off, and which words an error has.

mod hostile;
mod receivers;
pub mod server;
mod services;
mod smtp;

use std::{io::Write, time::Duration};

use server::{Answer, Server};
use wirewatch::{
    envelope::{Envelope, HeaderText, Limits, Method, NetError, Reply, Request, Response},
    net::{Internet, InternetSettings, Net},
    secret::Secret,
};

const LIMITS: Limits = Limits {
    total: Duration::from_secs(20),
    body_bytes_max: 1 << 20,
    redirects_max: 5,
    allow_private: true,
};

pub fn internet() -> Internet {
    Internet::new(InternetSettings::with_contact(Some("ops@example.org"))).unwrap()
}

fn get(url: &str) -> Request {
    Request {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        limits: LIMITS,
    }
}

async fn send(request: Request) -> Result<Response, NetError> {
    match internet().send(Envelope::Http(request)).await? {
        Reply::Http(response) => Ok(response),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn validators_go_both_ways_byte_for_byte() {
    let etag = b"W/\"\xe9\xff {|}~ '<odd>\"".to_vec();
    let known = etag.clone();
    let server = Server::start(move |seen| match seen.all("if-none-match").first() {
        Some(value) if *value == known.as_slice() => {
            // Real servers name an encoding for the body that a 304 does not have.
            Answer::text("HTTP/1.1 304 Not Modified\ncontent-encoding: gzip\n\n")
        }
        Some(_) => Answer::text("HTTP/1.1 400 Bad Request\ncontent-length: 0\n\n"),
        None => Answer::Bytes(
            [
                &b"HTTP/1.1 200 OK\r\nETag: "[..],
                &known,
                b"\r\nLast-Modified: yesterday, perhaps\r\ncontent-length: 2\r\n\r\nhi",
            ]
            .concat(),
        ),
    })
    .await;
    let first = send(get(&server.url("/feed"))).await.unwrap();
    assert_eq!((first.status, first.body.as_slice()), (200, &b"hi"[..]));
    assert_eq!(first.header("etag"), Some(etag.as_slice()));
    assert_eq!(
        first.header_text("last-modified"),
        Some("yesterday, perhaps")
    );
    let mut again = get(&server.url("/feed"));
    again
        .headers
        .push(("if-none-match".to_owned(), HeaderText::Plain(etag)));
    let second = send(again).await.unwrap();
    assert_eq!((second.status, second.body.len()), (304, 0));
}

#[tokio::test]
async fn a_request_says_who_asks_and_no_more() {
    let server =
        Server::start(|_| Answer::text("HTTP/1.1 200 OK\nset-cookie: a=b\ncontent-length: 0\n\n"))
            .await;
    let internet = internet();
    for _ in 0..2 {
        let request = get(&server.url("/feed?a=%20b&c=d+e"));
        internet.send(Envelope::Http(request)).await.unwrap();
    }
    for seen in server.seen() {
        assert_eq!(seen.line, "GET /feed?a=%20b&c=d+e HTTP/1.1");
        let expected = format!("wirewatch/{} (+ops@example.org)", env!("CARGO_PKG_VERSION"));
        assert_eq!(seen.all("user-agent"), [expected.as_bytes()]);
        for absent in ["cookie", "referer", "authorization", "content-length"] {
            assert!(seen.all(absent).is_empty(), "{absent}");
        }
        let encodings = String::from_utf8_lossy(seen.all("accept-encoding")[0]).into_owned();
        for encoding in ["gzip", "br", "zstd"] {
            assert!(encodings.contains(encoding), "{encodings}");
        }
    }
    assert_eq!(server.seen().len(), 2);
}

/// Encodes piece by piece, so that making a bomb takes no memory and its effect can be measured.
fn encode(encoding: &str, piece: &[u8], times: usize) -> Vec<u8> {
    fn all(mut out: impl Write, piece: &[u8], times: usize) {
        (0..times).for_each(|_| out.write_all(piece).unwrap());
    }
    let mut out = Vec::new();
    match encoding {
        "gzip" => {
            let fast = flate2::Compression::fast();
            all(flate2::write::GzEncoder::new(&mut out, fast), piece, times);
        }
        "br" => all(
            brotli::CompressorWriter::new(&mut out, 1 << 16, 1, 22),
            piece,
            times,
        ),
        "zstd" => all(
            zstd::Encoder::new(&mut out, 1).unwrap().auto_finish(),
            piece,
            times,
        ),
        _ => all(&mut out, piece, times),
    }
    out
}

#[tokio::test]
async fn bodies_are_decoded_and_cut_at_their_decoded_size() {
    for encoding in ["gzip", "br", "zstd", "identity"] {
        let feed = b"<rss/>".repeat(1000);
        // Decoded, the first three are 64 MiB.
        let pieces = if encoding == "identity" { 64 } else { 1024 };
        let bomb = encode(encoding, &[0; 64 << 10], pieces);
        let (small, empty) = (encode(encoding, &feed, 1), encode(encoding, b"", 1));
        let server = Server::start(move |seen| match seen.path() {
            "/small" => Answer::encoded(encoding, &small),
            "/empty" => Answer::encoded(encoding, &empty),
            "/nothing" => Answer::encoded(encoding, b""),
            _ => Answer::encoded(encoding, &bomb),
        })
        .await;
        let small = send(get(&server.url("/small"))).await.unwrap();
        assert_eq!(small.body, feed, "{encoding}");
        assert!(
            send(get(&server.url("/empty")))
                .await
                .unwrap()
                .body
                .is_empty()
        );
        assert!(
            send(get(&server.url("/nothing")))
                .await
                .unwrap()
                .body
                .is_empty()
        );
        let before = memory_peak();
        let bytes_max = LIMITS.body_bytes_max;
        assert_eq!(
            send(get(&server.url("/bomb"))).await,
            Err(NetError::TooLarge { bytes_max }),
            "{encoding}"
        );
        // Room for what other tests take meanwhile.
        let grown = memory_peak() - before;
        assert!(grown < 48 << 20, "{encoding}: {grown} bytes");
        let mut exact = get(&server.url("/small"));
        exact.limits.body_bytes_max = feed.len();
        assert!(send(exact.clone()).await.is_ok());
        exact.limits.body_bytes_max = feed.len() - 1;
        assert!(send(exact).await.is_err());
    }
}

/// The most memory that this process ever held, in bytes.
fn memory_peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

#[tokio::test]
async fn five_redirects_are_followed_and_six_are_not() {
    let server = Server::start(
        |seen| match seen.path().trim_start_matches('/').parse::<u32>() {
            Ok(0) => Answer::ok("here"),
            Ok(left) => Answer::redirect(302, &format!("/{}", left - 1)),
            Err(_) => Answer::redirect(302, "/loop"),
        },
    )
    .await;
    let five = send(get(&server.url("/5"))).await.unwrap();
    assert_eq!(
        (five.status, five.url, five.moved_to),
        (200, server.url("/0"), None)
    );
    let too_many = Err(NetError::TooManyRedirects { max: 5 });
    assert_eq!(send(get(&server.url("/6"))).await, too_many);
    assert_eq!(send(get(&server.url("/loop"))).await, too_many);
    let mut none = get(&server.url("/1"));
    none.limits.redirects_max = 0;
    assert_eq!(send(none).await.unwrap().status, 302);
}

#[tokio::test]
async fn only_permanent_moves_from_the_start_are_remembered() {
    for (chain, moved_to) in [
        (&[301][..], Some("/1")),
        (&[308, 301], Some("/2")),
        (&[301, 302], Some("/1")),
        (&[301, 307, 301], Some("/1")),
        (&[302, 301], None),
        (&[303], None),
        (&[], None),
    ] {
        let server = Server::start(move |seen| {
            let at: usize = seen.path().trim_start_matches('/').parse().unwrap();
            match chain.get(at) {
                Some(status) => Answer::redirect(*status, &format!("{}#top", at + 1)),
                None => Answer::ok("feed"),
            }
        })
        .await;
        let response = send(get(&server.url("/0"))).await.unwrap();
        assert_eq!(
            response.moved_to,
            moved_to.map(|path| server.url(path)),
            "{chain:?}"
        );
        // A password is neither shown nor lost on the way, and what holds one is not remembered.
        let with_password = server.url("/0").replace("//", "//user:pass@");
        let response = send(get(&with_password)).await.unwrap();
        assert_eq!(response.moved_to, None);
        assert!(!response.url.contains("pass"), "{}", response.url);
        let last = server.seen().pop().unwrap();
        assert_eq!(
            last.all("authorization"),
            [b"Basic dXNlcjpwYXNz"],
            "{chain:?}"
        );
    }
}

#[tokio::test]
async fn secrets_stay_with_their_origin() {
    let other = Server::start(|_| Answer::ok("elsewhere")).await;
    let target = other.url("/feed");
    let server = Server::start(move |seen| match seen.path() {
        "/start" => Answer::redirect(301, "/same"),
        _ => Answer::redirect(302, &target),
    })
    .await;
    let mut request = get(&server.url("/start").replace("//", "//user:pass@"));
    request.headers = vec![
        (
            "x-api-key".to_owned(),
            HeaderText::Secret(Secret::new("key")),
        ),
        ("cookie".to_owned(), HeaderText::Plain(b"a=b".to_vec())),
        (
            "accept".to_owned(),
            HeaderText::Plain(b"application/rss+xml".to_vec()),
        ),
    ];
    send(request).await.unwrap();
    for seen in server.seen() {
        assert_eq!(seen.all("x-api-key"), [b"key"]);
        assert_eq!(seen.all("authorization").len(), 1);
    }
    let elsewhere = &other.seen()[0];
    assert_eq!(elsewhere.all("accept"), [b"application/rss+xml"]);
    for secret in ["x-api-key", "cookie", "authorization"] {
        assert!(elsewhere.all(secret).is_empty(), "{secret}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_there_up_to_the_break() {
    let feed: Vec<u8> = (0..4000u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_string().into_bytes())
        .collect();
    let cut = |encoding| {
        let mut whole = encode(encoding, &feed, 1);
        whole.truncate(whole.len() / 2);
        whole
    };
    let (gzip, br) = (cut("gzip"), cut("br"));
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n64\r\n";
    let packed_short = {
        let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 99999\r\n\r\n";
        [head.as_bytes(), &gzip].concat()
    };
    let server = Server::start(move |seen| match seen.path() {
        "/short" => Answer::Bytes(half.into()),
        "/chunked" => Answer::Bytes(chunked.into()),
        "/gzip" => Answer::encoded("gzip", &gzip),
        "/packed-short" => Answer::Bytes(packed_short.clone()),
        "/br" => Answer::encoded("br", &br),
        "/refused" => Answer::text("HTTP/1.1 404 Not Found\ncontent-length: 100\n\nhalf"),
        _ => Answer::ok("half"),
    })
    .await;
    for (path, starts, length_min, is_cut) in [
        ("/short", &b"half"[..], 4, true),
        ("/chunked", b"half", 4, true),
        ("/gzip", &feed, feed.len() / 3, true),
        ("/packed-short", &feed, feed.len() / 3, true),
        ("/br", &feed, feed.len() / 4, true),
        // Of no answer but the one that was asked for is the end missed.
        ("/refused", b"half", 4, false),
        ("/whole", b"half", 4, false),
    ] {
        let answer = send(get(&server.url(path))).await.unwrap();
        assert_eq!(answer.cut.is_some(), is_cut, "{path}: {:?}", answer.cut);
        assert!(starts.starts_with(&answer.body), "{path}");
        assert!(
            answer.body.len() >= length_min,
            "{path}: {}",
            answer.body.len()
        );
    }
}

#[tokio::test]
async fn gzip_is_unpacked_whatever_it_is_called() {
    let once = encode("gzip", b"<rss/>", 1);
    let twice = encode("gzip", &once, 1);
    let thrice = encode("gzip", &twice, 1);
    let left = once.clone();
    let server = Server::start(move |seen| match seen.path() {
        "/unnamed" => Answer::encoded("identity", &once),
        "/x-gzip" => Answer::encoded("x-gzip", &once),
        "/twice" => Answer::encoded("gzip", &twice),
        "/both" => Answer::encoded("gzip, gzip", &twice),
        "/thrice" => Answer::encoded("gzip", &thrice),
        _ => Answer::encoded("gzip", b"<rss/>"),
    })
    .await;
    for path in ["/unnamed", "/x-gzip", "/twice", "/both", "/none"] {
        let answer = send(get(&server.url(path))).await.unwrap();
        assert_eq!(
            (answer.body.as_slice(), answer.cut),
            (&b"<rss/>"[..], None),
            "{path}"
        );
    }
    assert_eq!(send(get(&server.url("/thrice"))).await.unwrap().body, left);
}

#[tokio::test]
async fn every_wait_ends() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
    let server = Server::start(move |seen| match seen.path() {
        "/hang" => Answer::Hang,
        "/headers" => Answer::Drip(b"HTTP/1.1 200 OK\r\nx-endless: ".to_vec()),
        _ => Answer::Drip(head.into()),
    })
    .await;
    // The kernel takes connections for a listener that nobody looks after: a handshake that never comes.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let no_tls = format!("https://{}/", silent.local_addr().unwrap());
    let full = full_listener().await;
    let no_connection = format!("http://{}/", full.0.local_addr().unwrap());
    for (url, words) in [
        (no_connection, "connect: no answer in 300ms"),
        (server.url("/hang"), "first byte: none in 300ms"),
        (server.url("/headers"), "first byte: none in 300ms"),
        (server.url("/body"), "body: cut off at 300ms, "),
        (no_tls, "TLS: no handshake in 300ms"),
    ] {
        let mut request = get(&url);
        request.limits.total = Duration::from_millis(300);
        let told = send(request).await.unwrap_err().to_string();
        assert!(told.starts_with(words), "{url}: {told}");
    }
}

/// A listener that has all the connections it takes: the next one hears nothing.
async fn full_listener() -> (tokio::net::TcpListener, Vec<tokio::net::TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut taken = Vec::new();
    let wait = Duration::from_millis(100);
    while let Ok(stream) = tokio::time::timeout(wait, tokio::net::TcpStream::connect(address)).await
    {
        taken.push(stream.unwrap());
    }
    (listener, taken)
}

#[tokio::test]
async fn what_breaks_is_told_in_words() {
    let nothing = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
    let server = Server::start(move |seen| match seen.path() {
        "/reset" => Answer::Reset(nothing.into()),
        "/short" => Answer::Bytes(nothing.into()),
        "/silent" => Answer::Bytes(Vec::new()),
        "/ssh" => Answer::text("SSH-2.0-OpenSSH_9.2\n"),
        "/no-br" => Answer::encoded("br", b"this is not brotli"),
        "/corrupt" => Answer::encoded("gzip", &[&[0x1F, 0x8B, 8, 0], &[0xFF; 40][..]].concat()),
        "/cut-gzip" => Answer::encoded("gzip", &encode("gzip", &[7; 5000], 1)[..11]),
        "/compress" => Answer::encoded("compress", b"xyz"),
        "/utf-8" => Answer::encoded("UTF-8", b"<rss/>"),
        "/ftp" => Answer::redirect(302, "ftp://example.org/feed"),
        _ => Answer::redirect(302, "file:///etc/passwd"),
    })
    .await;
    let host = server.address.to_string();
    for (path, words) in [
        ("/reset?s3cret", "cannot read the body from"),
        ("/short?s3cret", "cannot read the body from"),
        ("/silent?s3cret", "no answer from"),
        ("/ssh", "no answer from"),
        ("/no-br", "cannot read the body from"),
        ("/corrupt", "cannot read the body from"),
        ("/cut-gzip", "cannot read the body from"),
        ("/compress", "sent the encoding \"compress\""),
    ] {
        let error = send(get(&server.url(path))).await.unwrap_err();
        assert!(matches!(error, NetError::Broken(_)), "{path}: {error:?}");
        let text = error.to_string();
        assert!(
            text.contains(words) && text.contains(&host),
            "{path}: {text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
    let plain = send(get(&server.url("/utf-8"))).await.unwrap();
    assert_eq!(
        plain.body, b"<rss/>",
        "a word that is no encoding changes nothing"
    );
    for path in ["/ftp", "/file"] {
        let error = send(get(&server.url(path))).await.unwrap_err();
        assert!(
            matches!(error, NetError::Unsendable(_)),
            "{path}: {error:?}"
        );
    }
    let https = server.url("/").replace("http:", "https:");
    let error = send(get(&https)).await.unwrap_err();
    assert_eq!(
        error,
        NetError::Tls(format!("{host}: it does not speak TLS on this port"))
    );
    let host = closed_port().await.to_string();
    let error = send(get(&format!("http://{host}/?s3cret")))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        NetError::Connect(format!("{host} refused the connection"))
    );
    let error = send(get("http://no-such-host.invalid/?s3cret"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, NetError::Name(text) if text.contains("no-such-host.invalid")),
        "{error:?}"
    );
    for unsendable in ["not an address", "gopher://example.org/", "https://"] {
        let error = send(get(unsendable)).await.unwrap_err();
        assert!(
            matches!(error, NetError::Unsendable(_)),
            "{unsendable}: {error:?}"
        );
    }
}

/// An address where nobody listens any more.
async fn closed_port() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn the_status_counts_where_the_body_is_not_what_was_asked_for() {
    let endless = "HTTP/1.1 404 Not Found\r\ncontent-length: 9999999\r\n\r\n";
    let taken = "HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n";
    let server = Server::start(move |seen| match seen.path() {
        "/missing" => Answer::Bytes([endless.as_bytes(), &[b'x'; 50_000]].concat()),
        "/broken" => Answer::Reset(taken.into()),
        _ => Answer::Bytes([taken.as_bytes(), &[b'x'; 50_000]].concat()),
    })
    .await;
    let missing = send(get(&server.url("/missing"))).await.unwrap();
    assert_eq!((missing.status, missing.body.len()), (404, 8 << 10));
    for path in ["/taken", "/broken"] {
        let mut post = get(&server.url(path));
        post.method = Method::Post;
        assert_eq!(send(post).await.unwrap().status, 200, "{path}");
    }
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let server = Server::start(|_| Answer::ok("private")).await;
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ] {
        let mut request = get(&format!("http://{host}:{port}/"));
        request.limits.allow_private = false;
        let error = send(request).await.unwrap_err();
        assert!(matches!(error, NetError::Private(_)), "{host}: {error:?}");
    }
    // A connection that one request may use is not lent to one that may not.
    let internet = internet();
    let mut request = get(&server.url("/"));
    internet
        .send(Envelope::Http(request.clone()))
        .await
        .unwrap();
    request.limits.allow_private = false;
    assert!(internet.send(Envelope::Http(request)).await.is_err());
    assert_eq!(server.seen().len(), 1);
}
