//! Links: made absolute for people, made canonical for identity.

use std::borrow::Cow;

use url::Url;

use super::limits::URL_BYTES_MAX;

/// `link` as an absolute http or https address, resolved against `base`; empty where it is none.
///
/// A sound address is kept as written, so that it compares equal to what the publisher shows.
pub fn absolute(link: &str, base: Option<&Url>) -> String {
    let link = link.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    if link.is_empty() || link.len() > URL_BYTES_MAX {
        return String::new();
    }
    let link = match link.contains("&amp;") {
        // Escaped once too often.
        true => Cow::Owned(link.replace("&amp;", "&")),
        false => Cow::Borrowed(link),
    };
    if is_plain_http(&link) {
        return link.into_owned();
    }
    let resolved = match base {
        Some(base) => base.join(&link),
        None => Url::parse(&link),
    };
    match resolved {
        Ok(url)
            if matches!(url.scheme(), "http" | "https") && url.as_str().len() <= URL_BYTES_MAX =>
        {
            url.into()
        }
        _ => String::new(),
    }
}

/// The page that an id names: an address of its own or a path on the feed's host; empty where it is neither. `1234` and
/// `a.example` could be resolved as well, to pages that nobody has.
pub fn of_id(id: &str, base: Option<&Url>) -> String {
    let is_path = id.trim_start().starts_with('/');
    absolute(id, base.filter(|_| is_path))
}

/// The address that relative links of a document start from.
pub fn base(address: &str, outer: Option<&Url>) -> Option<Url> {
    let address = address.trim();
    let url = match outer {
        Some(outer) => outer.join(address),
        None => Url::parse(address),
    };
    url.ok()
        .filter(|url| !url.cannot_be_a_base() && url.as_str().len() <= URL_BYTES_MAX)
}

/// Nothing in it that an address must not hold, and a host.
fn is_plain_http(link: &str) -> bool {
    let Some(rest) = link
        .strip_prefix("https://")
        .or_else(|| link.strip_prefix("http://"))
    else {
        return false;
    };
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b':'
                    | b'/'
                    | b'?'
                    | b'#'
                    | b'@'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
                    | b'%'
                    | b'\''
            )
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = host.split_once(':').unwrap_or((host, "0"));
    let host_is_plain = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        && port.parse::<u16>().is_ok();
    host_is_plain && rest.bytes().all(is_plain)
}

/// Parameters that campaigns, counters and positions in a list add: they change while the page stays the same. Only the
/// sure ones: two pages taken for one would lose an item.
fn is_passing(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_campaign = ["utm_", "at_", "mc_", "ns_", "pk_", "hsa_", "mtm_"]
        .iter()
        .any(|start| name.starts_with(start));
    let is_counter = matches!(
        &*name,
        "fbclid"
            | "gclid"
            | "dclid"
            | "msclkid"
            | "twclid"
            | "yclid"
            | "igshid"
            | "cmp"
            | "cmpid"
            | "ito"
            | "ocid"
            | "ftcamp"
            | "smid"
            | "xtor"
            | "guccounter"
            | "pos"
            | "position"
            | "rank"
    );
    is_campaign || is_counter || is_session(&name, value)
}

/// A session's token: it changes with every answer.
fn is_session(name: &str, value: &str) -> bool {
    let is_named_so = matches!(
        name,
        "jsessionid"
            | "phpsessid"
            | "sessionid"
            | "session_id"
            | "session"
            | "sessid"
            | "zenid"
            | "oscsid"
            | "cfid"
            | "cftoken"
            | "sid"
    ) || name.starts_with("aspsessionid");
    // `sid=1234` is a story's number as often as a session's; a token is long and has digits.
    let looks_like_a_token = value.len() >= 16
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && value.bytes().any(|byte| byte.is_ascii_digit());
    is_named_so && (looks_like_a_token || matches!(name, "cfid" | "cftoken"))
}

/// What stays the same of a link while its page does: no scheme, no passing parameters, no session, no trailing slash.
pub fn canonical(link: &str) -> String {
    let Ok(url) = Url::parse(link) else {
        return link.to_owned();
    };
    let mut text = String::with_capacity(link.len());
    text.push_str(url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        text.push_str(&format!(":{port}"));
    }
    text.push_str(without_path_session(url.path()).trim_end_matches('/'));
    let mut separator = '?';
    for pair in url.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !name.is_empty() && !is_passing(name, value) {
            text.push(separator);
            text.push_str(pair);
            separator = '&';
        }
    }
    if let Some(fragment) = url.fragment().filter(|fragment| !fragment.is_empty()) {
        text.push('#');
        text.push_str(fragment);
    }
    text
}

/// `id` without session tokens, where it is a link that has some; as it is otherwise.
pub fn without_session(id: &str) -> Cow<'_, str> {
    let lower_has = |needle: &[u8]| {
        id.as_bytes()
            .windows(needle.len())
            .any(|window| window.eq_ignore_ascii_case(needle))
    };
    let may_have = id.starts_with("http") && (id.contains(['?', ';']) || lower_has(b"/(s("));
    if !may_have {
        return Cow::Borrowed(id);
    }
    let (path, query) = id.split_once('?').unwrap_or((id, ""));
    let (query, fragment) = match query.split_once('#') {
        Some((query, fragment)) => (query, Some(fragment)),
        None => (query, None),
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            !name.is_empty() && !is_session(&name.to_ascii_lowercase(), value)
        })
        .collect();
    let new_path = without_path_session(path);
    let has_changed =
        new_path != path || kept.len() < query.split('&').filter(|pair| !pair.is_empty()).count();
    if !has_changed {
        return Cow::Borrowed(id);
    }
    let mut text = new_path.into_owned();
    if !kept.is_empty() {
        text.push('?');
        text.push_str(&kept.join("&"));
    }
    if let Some(fragment) = fragment {
        text.push('#');
        text.push_str(fragment);
    }
    Cow::Owned(text)
}

/// A path without `;jsessionid=…` (Java) and `/(S(…))` (ASP.NET).
fn without_path_session(path: &str) -> Cow<'_, str> {
    let mut path = Cow::Borrowed(path);
    let lower = path.to_ascii_lowercase();
    if let Some(from) = lower.find(";jsessionid=") {
        let end = lower[from + 1..]
            .find([';', '/', '#'])
            .map_or(lower.len(), |length| from + 1 + length);
        path = Cow::Owned(format!("{}{}", &path[..from], &path[end..]));
    }
    let lower = path.to_ascii_lowercase();
    if let Some(from) = lower.find("/(s(")
        && let Some(length) = lower[from..].find("))")
    {
        path = Cow::Owned(format!("{}{}", &path[..from], &path[from + length + 2..]));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_become_absolute_http() {
        let base = Url::parse("https://example.org/news/feed.xml").ok();
        for (link, want) in [
            (
                "https://example.org/a?b=c&d#e",
                "https://example.org/a?b=c&d#e",
            ),
            (" http://example.org/a\n", "http://example.org/a"),
            ("/a", "https://example.org/a"),
            ("a?x=1", "https://example.org/news/a?x=1"),
            ("//cdn.example.org/a", "https://cdn.example.org/a"),
            ("http://example.org/a b", "http://example.org/a%20b"),
            (
                "http://example.org/новости",
                "http://example.org/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8",
            ),
            (
                "http://example.org/?a=1&amp;b=2",
                "http://example.org/?a=1&b=2",
            ),
            ("http://example.org:8000", "http://example.org:8000"),
            ("http://example.org:80000", ""),
            ("HTTP://Example.org", "http://example.org/"),
            ("javascript:alert(1)", ""),
            ("ftp://example.org/", ""),
            ("urn:uuid:1", ""),
            ("", ""),
            ("http://", ""),
            ("http://exa mple.org/", ""),
        ] {
            assert_eq!(absolute(link, base.as_ref()), want, "{link:?}");
        }
        assert_eq!(absolute("/a", None), "");
        assert_eq!(
            absolute(
                &format!("http://example.org/{}", "a".repeat(URL_BYTES_MAX)),
                None
            ),
            ""
        );
    }

    #[test]
    fn the_same_page_has_one_canonical_link() {
        for (left, right) in [
            ("http://example.org/a", "https://example.org/a/"),
            (
                "https://example.org/a?utm_source=rss&id=1",
                "https://EXAMPLE.org/a?id=1&utm_medium=x",
            ),
            (
                "https://example.org/a;jsessionid=0A1B2C3D4E5F60718293?id=1",
                "https://example.org/a?id=1",
            ),
            (
                "https://example.org/(S(abc123def456))/a",
                "https://example.org/a",
            ),
            (
                "https://example.org/a?sid=0123456789abcdef0123",
                "https://example.org/a",
            ),
            ("https://example.org/a?pos=3", "https://example.org/a?pos=4"),
        ] {
            assert_eq!(canonical(left), canonical(right));
        }
        for (left, right) in [
            (
                "https://example.org/a?sid=12",
                "https://example.org/a?sid=13",
            ),
            ("https://example.org/a?id=1", "https://example.org/a?id=2"),
            (
                "https://example.org/live#post-1",
                "https://example.org/live#post-2",
            ),
            ("https://example.org/a", "https://example.com/a"),
        ] {
            assert_ne!(canonical(left), canonical(right));
        }
    }

    #[test]
    fn ids_lose_their_session_and_nothing_else() {
        for (id, want) in [
            (
                "https://example.org/a?utm_source=rss",
                "https://example.org/a?utm_source=rss",
            ),
            (
                "https://example.org/a?PHPSESSID=0123456789abcdef0123&id=1#x",
                "https://example.org/a?id=1#x",
            ),
            (
                "https://example.org/a;jsessionid=AB12.node1",
                "https://example.org/a",
            ),
            (
                "tag:example.org;jsessionid=1",
                "tag:example.org;jsessionid=1",
            ),
        ] {
            assert_eq!(without_session(id), want);
        }
    }
}
