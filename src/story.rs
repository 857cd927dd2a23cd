//! Who tells a story: publishers, whose many feeds count once.

use url::{Host, Url};

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
