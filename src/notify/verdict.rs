//! What an HTTP answer to a message means, for every service that speaks HTTP.
//!
//! Standard Webhooks asks senders to take 2xx as success, to stop at 410, to slow down at 429, 502 and 504, and to try
//! everything else again. So do we: a 400, 401, 403, 404 or 413 is most often an operator's mistake or a service half
//! deployed, both get mended within the three days of retries, and to refuse would lose the alert. A service whose answer
//! says more (that this one message can never be taken) reads that in its own `verdict` first.

use std::time::Duration;

use super::{Verdict, clean_line};
use crate::{envelope::Response, schedule, time::Timestamp};

/// The longest that a service may make us wait; past it we ask again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);
const REASON_CHARS_MAX: usize = 200;

/// The verdict that the status of `response` alone gives.
pub fn http_verdict(response: &Response, now: Timestamp) -> Verdict {
    match response.status {
        200..=299 => Verdict::Accepted,
        410 => Verdict::Gone(describe(response)),
        _ => Verdict::TryAfter(retry_after(response, now), describe(response)),
    }
}

/// `Retry-After` in both its forms (RFC 9110, 10.2.3): seconds, or a date, of which the time from `now` is taken. At most
/// a day; `None` where it is missing, malformed, zero or past, which leaves the usual backoff.
pub fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let wait = schedule::retry_after(response.header_text("retry-after")?, now)?;
    (!wait.is_zero()).then_some(wait.min(RETRY_AFTER_MAX))
}

/// `503 Service Unavailable: the first words of the body`, for logs and pages: clean, short, without our secret address.
fn describe(response: &Response) -> String {
    let status = match reason(response.status) {
        "" => response.status.to_string(),
        reason => format!("{} {reason}", response.status),
    };
    let is_page = response
        .header_text("content-type")
        .is_some_and(|kind| kind.contains("html"));
    let hint = match response.status {
        300..=399 => "redirects are not followed, configure the final address".to_owned(),
        _ if is_page => String::new(),
        _ => words_of(response),
    };
    if hint.is_empty() {
        status
    } else {
        format!("{status}: {hint}")
    }
}

/// The body's first words. Many servers answer `Cannot POST /the/path`; with chat services that path is the key.
fn words_of(response: &Response) -> String {
    let mut text = String::from_utf8_lossy(&response.body).into_owned();
    if let Ok(url) = url::Url::parse(&response.url) {
        let parts = std::iter::once(url.path())
            .chain(url.query())
            .filter(|part| part.len() > 1);
        for part in parts {
            text = text.replace(part, "…");
        }
        // A path may be echoed in pieces, as in `unknown token abc123`.
        for piece in url.path_segments().into_iter().flatten() {
            if piece.len() >= SECRET_PIECE_BYTES_MIN {
                text = text.replace(piece, "…");
            }
        }
    }
    clean_line(&text, REASON_CHARS_MAX)
}

/// Shorter parts of a path (`hooks`, `services`) are words, not keys.
const SECRET_PIECE_BYTES_MIN: usize = 8;

/// The phrase of a status (RFC 9110, 15), for those that webhooks meet.
fn reason(status: u16) -> &'static str {
    match status {
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2024-12-06T14:00:00Z";

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        Response {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect(),
            body: body.as_bytes().to_vec(),
            url: "https://hooks.example.org/services/T0SECRET/B1SECRET".to_owned(),
            ..Response::default()
        }
    }

    #[test]
    fn statuses() {
        let now = NOW.parse().unwrap();
        let again = |text: &str| Verdict::TryAfter(None, text.to_owned());
        for (status, verdict) in [
            (200, Verdict::Accepted),
            (204, Verdict::Accepted),
            (299, Verdict::Accepted),
            (
                302,
                again("302 Found: redirects are not followed, configure the final address"),
            ),
            (400, again("400 Bad Request")),
            (404, again("404 Not Found")),
            (410, Verdict::Gone("410 Gone".to_owned())),
            (413, again("413 Content Too Large")),
            (500, again("500 Internal Server Error")),
            (599, again("599")),
        ] {
            assert_eq!(http_verdict(&answer(status, &[], ""), now), verdict);
        }
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = NOW.parse().unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("0", None),
            ("-5", None),
            ("soon", None),
            ("", None),
            ("999999999", Some(86_400)),
            ("99999999999999999999999", Some(86_400)),
            ("Fri, 06 Dec 2024 14:05:00 GMT", Some(300)),
            ("Friday, 06-Dec-24 14:05:00 GMT", Some(300)),
            ("Fri, 06 Dec 2024 13:00:00 GMT", None),
            ("Fri, 06 Dec 2030 13:00:00 GMT", Some(86_400)),
        ] {
            for status in [429, 503] {
                let response = answer(status, &[("retry-after", value)], "");
                let Verdict::TryAfter(wait, _) = http_verdict(&response, now) else {
                    panic!("{value:?} gave another verdict");
                };
                assert_eq!(wait.map(|wait| wait.as_secs()), seconds, "{value:?}");
            }
        }
    }

    #[test]
    fn an_answer_is_told_in_few_clean_words_without_the_key() {
        let now = NOW.parse().unwrap();
        let html = &[("content-type", "text/html; charset=utf-8")][..];
        for (headers, body, text) in [
            (&[][..], "no_service\n", "404 Not Found: no_service"),
            (
                &[],
                "Cannot POST /services/T0SECRET/B1SECRET",
                "404 Not Found: Cannot POST …",
            ),
            (&[], "unknown key B1SECRET", "404 Not Found: unknown key …"),
            (&[], "\u{1b}[31mred\r\nline", "404 Not Found: red line"),
            (html, "<html><body>Not found</body></html>", "404 Not Found"),
        ] {
            let verdict = http_verdict(&answer(404, headers, body), now);
            assert_eq!(verdict, Verdict::TryAfter(None, text.to_owned()));
        }
        let long = http_verdict(&answer(500, &[], &"x".repeat(5_000)), now);
        let Verdict::TryAfter(None, text) = long else {
            panic!("another verdict");
        };
        assert!(text.chars().count() < 250, "{text}");
    }
}
