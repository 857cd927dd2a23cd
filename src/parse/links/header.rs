//! What a `Link` header points to (RFC 8288, 3).

use url::Url;

use super::{FEED_TYPES, LINKS_MAX, Offer, Relations, Surety, kind, link};
use crate::text::html;

/// The start of a header that is read.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// The feeds that a page's `Link` header names.
pub fn feeds_of_header(header: &str, base: &str) -> Vec<Offer> {
    links_of_header(header, base, |link| {
        let relations = Relations::of(link.value("rel"));
        let kind = kind(link.value("type"));
        relations.is_alternate && FEED_TYPES.contains(&kind.as_str())
    })
    .into_iter()
    .map(|url| Offer {
        url,
        title: String::new(),
        surety: Surety::Named,
    })
    .collect()
}

/// The addresses of one relation in a `Link` header (RFC 8288, 3), absolute, in its order.
pub fn of_header(header: &str, relation: &str, base: &str) -> Vec<String> {
    links_of_header(header, base, |link| {
        let mut relations = link.value("rel").split_ascii_whitespace();
        relations.any(|known| known.eq_ignore_ascii_case(relation))
    })
}

/// The links of a header that are wanted by their parameters.
fn links_of_header(
    header: &str,
    base: &str,
    is_wanted: impl Fn(&Parameters) -> bool,
) -> Vec<String> {
    let base = Url::parse(base).ok();
    let mut found = Vec::new();
    let mut rest = html::clean::head(header, HEADER_BYTES_MAX);
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, after)) = after.split_once('>') else {
            break;
        };
        let (parameters, next) = parameters(after);
        rest = next;
        let url = link::absolute(target.trim(), base.as_ref());
        if is_wanted(&parameters) && !url.is_empty() && found.len() < LINKS_MAX {
            found.push(url);
        }
    }
    found
}

/// What a `Link` header says of a link, names in lower case.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The first of this name counts (RFC 8288, 3.3).
    fn value(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// `;name=value` pairs up to the comma that ends the link, and what stands behind it.
fn parameters(text: &str) -> (Parameters, &str) {
    let mut parameters = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(after) = rest.strip_prefix(';') else {
            let parameters = Parameters(parameters);
            return (parameters, rest.strip_prefix(',').unwrap_or(rest));
        };
        let name_end = after.find(['=', ';', ',']).unwrap_or(after.len());
        let (name, tail) = after.split_at(name_end);
        let (value, tail) = match tail.strip_prefix('=').map(str::trim_start) {
            None => (String::new(), tail),
            Some(tail) => match tail.strip_prefix('"') {
                Some(quoted) => quoted_string(quoted),
                None => {
                    let (value, tail) = tail.split_at(tail.find([';', ',']).unwrap_or(tail.len()));
                    (value.trim().to_owned(), tail)
                }
            },
        };
        parameters.push((name.trim().to_ascii_lowercase(), value));
        rest = tail;
    }
}

/// Up to the closing quote, backslashes taken out.
fn quoted_string(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, text.get(at + 1..).unwrap_or("")),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            letter => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_feeds() {
        for (header, feeds) in [
            (
                "</f>; rel=\"alternate\"; type=\"application/rss+xml\", <b>; type=Application/Atom+XML; rel=alternate",
                &[
                    "https://news.example.org/f",
                    "https://news.example.org/world/b",
                ][..],
            ),
            ("</de>; rel=alternate; hreflang=de", &[]),
            ("</f>; rel=preload; type=\"application/rss+xml\"", &[]),
            ("", &[]),
        ] {
            let found = feeds_of_header(header, "https://news.example.org/world/");
            let found: Vec<&str> = found.iter().map(|offer| offer.url.as_str()).collect();
            assert_eq!(found, feeds, "{header}");
        }
    }

    #[test]
    fn a_header_points_to_hubs() {
        for (header, hubs) in [
            (
                "<https://hub.example.org/>; rel=\"hub\"",
                &["https://hub.example.org/"][..],
            ),
            (
                "<https://a.example/>; rel=hub, </b>;rel=\"self hub\"",
                &["https://a.example/", "https://news.example.org/b"],
            ),
            (
                "<https://a.example/?x=1,2>; title=\"a, \\\"b\\\"; rel=hub\"; REL=Hub",
                &["https://a.example/?x=1,2"],
            ),
            ("<https://a.example/>; rel=next; rel=hub", &[]),
            ("<https://a.example/>; rel=self", &[]),
            ("<ftp://a.example/>; rel=hub", &[]),
            ("<https://a.example/", &[]),
            ("rel=hub", &[]),
            ("", &[]),
        ] {
            assert_eq!(
                of_header(header, "hub", "https://news.example.org/feed"),
                hubs,
                "{header}"
            );
        }
    }

    #[test]
    fn odd_headers_end() {
        for piece in ["<link ", "<a>;\"=", "<a>;rel=", "<a>,", "<>;a=\"\\"] {
            of_header(&piece.repeat(20_000), "hub", "");
            feeds_of_header(&piece.repeat(20_000), "");
        }
    }
}
