//! Which items tell the same event, and who tells it. Today: the same words in the title, or the same link, whichever feed they came from.

use url::{Host, Url};

use crate::model::Item;

/// Titles of fewer words ("Live updates", "Breaking news") are too common to link items by.
const TITLE_WORDS_MIN: usize = 4;

/// What links an item to others of its story: a hash of its folded title and one of its link.
pub fn keys(item: &Item) -> Vec<u64> {
    let words: Vec<String> = item
        .title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let mut keys = Vec::with_capacity(2);
    if words.len() >= TITLE_WORDS_MIN {
        keys.push(xxhash_rust::xxh3::xxh3_64(words.join(" ").as_bytes()));
    }
    if !item.url.is_empty() {
        keys.push(xxhash_rust::xxh3::xxh3_64_with_seed(
            canonical_link(&item.url).as_bytes(),
            LINK_SEED,
        ));
    }
    keys
}

/// Keeps links and titles apart.
const LINK_SEED: u64 = 1;

/// A link without what does not name the page: scheme, `www.`, fragment, campaign parameters, a closing slash.
fn canonical_link(link: &str) -> String {
    let Ok(url) = url::Url::parse(link) else {
        return link.to_owned();
    };
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_start_matches("www.")
        .to_owned();
    let path = url.path().trim_end_matches('/');
    let names_no_page = |name: &str| {
        name.starts_with("utm_")
            || matches!(
                name,
                "fbclid" | "gclid" | "at_medium" | "at_campaign" | "ref" | "cmpid" | "ns_campaign"
            )
    };
    let query: Vec<String> = url
        .query_pairs()
        .filter(|(name, _)| !names_no_page(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{host}{path}?{}", query.join("&"))
}

/// The publisher behind an address where the configuration names none: the site's registrable domain by the public suffix
/// list (`bbc.co.uk` for every feed of the BBC), the host itself where it has none (an IP address, a bare name), the path of a
/// file, and nothing where the text is no address.
pub fn publisher_of(url: &str) -> String {
    let Ok(url) = Url::parse(url) else {
        return String::new();
    };
    match url.host() {
        Some(Host::Domain(host)) => {
            let host = host.trim_end_matches('.');
            psl::domain_str(host).unwrap_or(host).to_owned()
        }
        Some(address) => address.to_string(),
        None => url.path().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_linked(a: (&str, &str), b: (&str, &str)) -> bool {
        let item = |(title, url): (&str, &str)| Item {
            title: title.to_owned(),
            url: url.to_owned(),
            ..Item::default()
        };
        let known = keys(&item(a));
        keys(&item(b)).iter().any(|key| known.contains(key))
    }

    #[test]
    fn the_same_title_or_link_is_the_same_story() {
        for (a, b, expected) in [
            (
                ("Rebels enter the city", ""),
                ("REBELS enter the city!", ""),
                true,
            ),
            (
                ("Rebels enter the city", ""),
                ("Rebels leave the city", ""),
                false,
            ),
            (("Live updates", ""), ("Live updates", ""), false),
            (
                ("a", "https://www.x.org/p/?utm_source=rss#c"),
                ("b", "http://x.org/p"),
                true,
            ),
            (
                ("a", "https://x.org/p?id=1"),
                ("b", "https://x.org/p?id=2"),
                false,
            ),
            (("", ""), ("", ""), false),
        ] {
            assert_eq!(are_linked(a, b), expected, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_publisher_is_a_registrable_domain() {
        for (url, publisher) in [
            ("https://feeds.bbci.co.uk/news/world/rss.xml", "bbci.co.uk"),
            ("https://www.theguardian.com/world/rss", "theguardian.com"),
            ("http://RSS.Example.COM.:8080/x", "example.com"),
            ("https://user.github.io/feed", "user.github.io"),
            ("https://github.io/feed", "github.io"),
            ("http://127.0.0.1:8080/feed", "127.0.0.1"),
            ("http://[::1]/feed", "[::1]"),
            ("http://localhost/feed", "localhost"),
            ("file:///srv/news.xml", "/srv/news.xml"),
            ("not an address", ""),
        ] {
            assert_eq!(publisher_of(url), publisher, "{url}");
        }
    }
}
