//! Servers that mean harm: each answer ends in an error with words or in a bounded response, in time.

use std::time::{Duration, Instant};

use wirewatch::envelope::NetError;

use super::{
    LIMITS, encode, get,
    server::{Answer, Server},
};

/// What the answer came to, in time.
async fn told(answer: Vec<u8>) -> String {
    let server = Server::start(move |_| Answer::Bytes(answer.clone())).await;
    let begun = Instant::now();
    let mut request = get(&server.url("/"));
    request.limits.total = Duration::from_secs(5);
    let told = match super::send(request).await {
        Ok(response) => {
            let end = if response.cut.is_some() { ", cut" } else { "" };
            format!("{}, {} bytes{end}", response.status, response.body.len())
        }
        Err(error) => error.to_string().replace(&server.address.to_string(), "it"),
    };
    assert!(begun.elapsed() < Duration::from_secs(10), "{told}");
    told
}

#[tokio::test]
async fn answers_that_lie_or_flood() {
    let ok = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    let filler = |name: &str, n: usize| format!("{name}: {}\r\n", "x".repeat(n));
    let twice = encode("gzip", &encode("gzip", &[0; 1 << 20], 64), 1);
    let twice_in_one = [
        &ok(&format!(
            "content-encoding: gzip, gzip\r\ncontent-length: {}\r\n\r\n",
            twice.len()
        )),
        &twice[..],
    ]
    .concat();
    let mut surprises = Vec::new();
    let bodies_max = "body: over 1.0 MB, cut off";
    for (what, answer, words) in [
        (
            "a length that is none",
            ok("content-length: -1\r\n\r\nhi"),
            "no answer from it",
        ),
        (
            "two lengths",
            ok("content-length: 2\r\ncontent-length: 3\r\n\r\nhi!"),
            "no answer from it",
        ),
        (
            "a length beyond all",
            ok("content-length: 18446744073709550000\r\n\r\n"),
            "body: over ",
        ),
        (
            "a length that is never sent",
            ok("content-length: 1000000\r\n\r\nhi"),
            "200, 2 bytes, cut",
        ),
        (
            "more than its length",
            ok("content-length: 2\r\n\r\nhi, there"),
            "200, 2 bytes",
        ),
        (
            "a chunk beyond all",
            ok("transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nhi"),
            "200, 2 bytes, cut",
        ),
        (
            "a chunk that is none",
            ok("transfer-encoding: chunked\r\n\r\n-5\r\nhi\r\n"),
            "cannot read the body from it",
        ),
        (
            "a chunk's extension without end",
            ok(&format!(
                "transfer-encoding: chunked\r\n\r\n2;{}",
                "x".repeat(1 << 20)
            )),
            "cannot read the body from it",
        ),
        (
            "trailers without end",
            ok(&format!(
                "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{}",
                filler("x", 1 << 20)
            )),
            "200, 2 bytes, cut",
        ),
        (
            "a header without end",
            ok(&filler("x", 4 << 20)),
            "no answer from it",
        ),
        (
            "headers without end",
            ok(&filler("x", 10).repeat(50_000)),
            "no answer from it",
        ),
        (
            "a status that is none",
            b"HTTP/1.1 99 No\r\n\r\n".to_vec(),
            "no answer from it",
        ),
        ("compressed twice", twice_in_one, bodies_max),
        (
            "an address without end",
            format!(
                "HTTP/1.1 301 Moved\r\nlocation: /{}\r\ncontent-length: 0\r\n\r\n",
                "a".repeat(100_000)
            )
            .into_bytes(),
            "301, 0 bytes",
        ),
        (
            "an endless body",
            [ok("\r\n"), vec![b'x'; 4 << 20]].concat(),
            bodies_max,
        ),
    ] {
        let told = told(answer).await;
        if !told.starts_with(words) {
            surprises.push(format!("{what}: {told}"));
        }
    }
    assert_eq!(surprises, [""; 0]);
}

#[tokio::test]
async fn waits_that_only_look_like_progress_end() {
    // Interim answers again and again; and a chunk's byte now and then.
    for head in [
        &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffff\r\n"[..],
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nx: ",
    ] {
        let server = Server::start(move |_| Answer::Drip(head.into())).await;
        let mut request = get(&server.url("/"));
        request.limits.total = Duration::from_millis(400);
        let begun = Instant::now();
        let error = super::send(request).await.unwrap_err();
        assert!(matches!(error, NetError::Late { .. }), "{error:?}");
        assert!(begun.elapsed() < LIMITS.total / 4);
    }
}
