//! How a feed is asked, and what the answer comes to.

use std::{sync::Arc, time::Duration};

use crate::{
    envelope::{Envelope, HeaderText, Limits, Method, NetError, Reply, Request, Response},
    model::{Feed, Validators},
    schedule::{self, Rhythm},
    store::FeedState,
    time::{self, Timestamp},
};

/// Redirects followed for one poll.
const REDIRECTS_MAX: u8 = 5;
/// Agreeing answers after which a feed has moved for good.
pub const MOVED_AGREEING: u32 = 2;
/// Failures in a row at the remembered address after which the configured one is asked again.
const MOVED_FAILURES_MAX: u32 = 3;
/// How often a feed is fetched whole though its server says that nothing changed.
const WHOLE_EVERY: Duration = Duration::from_secs(86_400);
const ACCEPT: &str = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1";

/// What a server's answer comes to.
pub enum Answer {
    Unchanged,
    Body(Response),
    Failed {
        problem: String,
        retry_after: Option<Duration>,
    },
    Gone {
        problem: String,
    },
}

/// Whether to ask for the feed without validators: where there are none, and where a server that has answered 304 for a day
/// would by the feed's rhythm have had something to tell. Its 304 may be wrong; once a day is often enough to find out. Where
/// the rhythm is not known, perhaps since the server has lied from the start, it is asked so after a day, after two, after
/// four, and so on.
pub fn is_whole(state: &FeedState, rhythm: Option<&Rhythm>, now: Timestamp) -> bool {
    let Validators {
        etag,
        last_modified,
    } = &state.validators;
    if etag.is_none() && last_modified.is_none() {
        return true;
    }
    // A server that fails tells no lies.
    let Some(listed) = state.last_listing.filter(|_| state.failures == 0) else {
        return false;
    };
    let last = state.last_whole.unwrap_or(listed).max(listed);
    let since = time::until(last, now);
    let is_item_due = rhythm.and_then(|rhythm| rhythm.is_item_due(listed, now));
    let news = state.last_new_item.or(state.first_contact).unwrap_or(last);
    since >= WHOLE_EVERY && is_item_due.unwrap_or(since >= time::until(news, last))
}

/// What came back, as the poller goes on from it.
pub fn read_answer(asked: Result<Reply, NetError>, is_whole: bool, now: Timestamp) -> Answer {
    let failed = |problem: String| Answer::Failed {
        problem,
        retry_after: None,
    };
    let response = match asked {
        Ok(Reply::Http(response)) => response,
        Ok(_) => return failed("the network door answered with something else".to_owned()),
        Err(error) => return failed(error.to_string()),
    };
    // A date is the server's, so it counts from the time that the server's own clock shows.
    let date = response.header_text("date");
    let servers_now = date.and_then(schedule::http_date).unwrap_or(now);
    let retry_after = response
        .header_text("retry-after")
        .and_then(|header| schedule::retry_after(header, servers_now));
    match response.status {
        200..=299 => Answer::Body(response),
        304 if is_whole => {
            failed("the server says that nothing changed (304) and was not asked that".to_owned())
        }
        304 => Answer::Unchanged,
        410 => Answer::Gone {
            problem: "the server says that the feed is gone for good (410)".to_owned(),
        },
        status => Answer::Failed {
            problem: refusal(status),
            retry_after,
        },
    }
}

fn refusal(status: u16) -> String {
    let reason = match status {
        401 => "the server wants a password (401)",
        403 => "the server refuses us (403)",
        404 => "there is nothing at this address (404)",
        429 => "the server is asked too often (429)",
        503 => "the server is not available (503)",
        500..=599 => return format!("the server has a problem of its own ({status})"),
        _ => return format!("the server answered {status}"),
    };
    reason.to_owned()
}

/// The address that is asked: the configured one, or where a permanent redirect led.
///
/// Two agreeing answers make a move: the redirect that led to the feed, and the new address that answers when it is asked directly
/// (RFC 9110, 15.4.2: a client ought to use the new one from then on). Between the two, one failure there is enough
/// to ask at the configured address again; afterwards it takes a few.
pub fn address<'a>(feed: &'a Feed, state: &'a FeedState) -> &'a str {
    let failures_max = match state.moved_times {
        0..MOVED_AGREEING => 1,
        _ => MOVED_FAILURES_MAX,
    };
    match &state.moved_to {
        Some(moved) if state.failures < failures_max => moved,
        _ => &feed.url,
    }
}

/// What to remember of permanent redirects: an answer at the remembered address confirms it.
pub fn moved_to(state: &FeedState, address: &str, answer: Option<&Reply>) -> Option<String> {
    let Some(Reply::Http(response)) = answer else {
        return None;
    };
    let is_at_remembered = state.moved_to.as_deref() == Some(address);
    response
        .moved_to
        .clone()
        .or_else(|| is_at_remembered.then(|| address.to_owned()))
}

pub fn request(
    feed: &Feed,
    state: &FeedState,
    address: &str,
    is_whole: bool,
    allow_private: bool,
) -> Envelope {
    let mut headers = vec![("accept".to_owned(), HeaderText::Plain(ACCEPT.into()))];
    let Validators {
        etag,
        last_modified,
    } = &state.validators;
    if let Some(etag) = etag.as_ref().filter(|_| !is_whole) {
        headers.push(("if-none-match".to_owned(), HeaderText::Plain(etag.clone())));
    }
    if let Some(last_modified) = last_modified.as_ref().filter(|_| !is_whole) {
        headers.push((
            "if-modified-since".to_owned(),
            HeaderText::Plain(last_modified.clone()),
        ));
    }
    let limits = Limits {
        total: feed.poll.timeout,
        body_bytes_max: feed.poll.body_bytes_max,
        redirects_max: REDIRECTS_MAX,
        allow_private,
    };
    Envelope::Http(Request {
        method: Method::Get,
        url: address.to_owned(),
        headers,
        body: Vec::new(),
        limits,
    })
}

/// What is asked one at a time: the host with its port, or the file itself.
pub fn host_of(url: &str) -> Arc<str> {
    match url::Url::parse(url) {
        Ok(parsed) if parsed.has_host() => format!(
            "{}:{}",
            parsed.host_str().unwrap_or_default(),
            parsed.port_or_known_default().unwrap_or(0)
        )
        .into(),
        _ => url.into(),
    }
}
