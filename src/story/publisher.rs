//! Who publishes an item: the family that counts once when reports are counted.

use url::{Host, Url};

use crate::model::{Feed, Item};

/// Sites that pass on what others publish: the item's own source is its publisher, whatever the feed is called.
const AGGREGATORS: &[&str] = &[
    "news.google.com",
    "news.yahoo.com",
    "msn.com",
    "bing.com",
    "newsbreak.com",
    "smartnews.com",
    "flipboard.com",
    "feedspot.com",
];

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

/// Who published an item: what the configuration says of its feed; else the outlet that the item itself names (RSS
/// `<source>`), by its address where that is given; else the feed's site. Items of aggregators always name it themselves.
pub fn publisher_of_item(feed: &Feed, item: &Item) -> String {
    let is_configured = !feed.publisher.is_empty() && feed.publisher != publisher_of(&feed.url);
    let names_nobody = item.source.is_empty() && item.source_url.is_empty();
    if names_nobody || (is_configured && !is_aggregator(&feed.url)) {
        return feed.publisher.clone();
    }
    let named = match publisher_of(&item.source_url) {
        domain if !domain.is_empty() => domain,
        // An address where a name belongs.
        _ if item.source.starts_with("http") => publisher_of(&item.source),
        _ => item.source.clone(),
    };
    // A paper that names itself is not another one.
    match named.is_empty() || family(&named) == family(&feed.publisher) {
        true => feed.publisher.clone(),
        false => named,
    }
}

fn is_aggregator(url: &str) -> bool {
    let host = Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_lowercase));
    host.is_some_and(|host| {
        AGGREGATORS.iter().any(|known| {
            let outer = host.strip_suffix(known);
            outer.is_some_and(|outer| outer.is_empty() || outer.ends_with('.'))
        })
    })
}

/// What publishers are compared by: `Reuters`, `reuters.com` and `www.reuters.com` are one family, so that an outlet read both
/// directly and through an aggregator counts once.
pub fn family(publisher: &str) -> String {
    let lowered = publisher.to_lowercase();
    let host = lowered.trim_start_matches("www.");
    let is_domain = host.contains('.') && !host.contains(char::is_whitespace);
    let name = match psl::suffix_str(host) {
        Some(suffix)
            if is_domain
                && suffix.len() < host.len()
                && !host.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            host.get(..host.len() - suffix.len() - 1).unwrap_or(host)
        }
        _ => host,
    };
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let bare = plain
        .strip_prefix("the")
        .filter(|bare| bare.chars().count() > 2)
        .unwrap_or(&plain);
    let bare = bare
        .strip_suffix("news")
        .filter(|bare| bare.chars().count() > 1)
        .unwrap_or(bare);
    match bare.is_empty() {
        true => lowered,
        false => bare.to_owned(),
    }
}
