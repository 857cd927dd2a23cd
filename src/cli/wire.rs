//! One feed by its address, through the same guarded door as the daemon's polls.

use anyhow::anyhow;

use super::input::Fetched;
use crate::{
    config::PollSettings,
    envelope::{Envelope, HeaderText, Limits, Method, Reply, Request},
    model::PollLimits,
    net::{Internet, InternetSettings, Net},
};

const ACCEPT: &[u8] =
    b"application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1";

/// Fetches a feed once.
///
/// A private address is allowed where the configuration allows it, or where the person typed it: who writes
/// `http://localhost/feed` means it. A public address that redirects to a private one is refused all the same.
///
/// # Errors
/// Why there is no feed, without the address.
pub fn fetch(url: &str, settings: &PollSettings) -> anyhow::Result<Fetched> {
    let internet = Internet::new(InternetSettings::with_contact(settings.contact.as_deref()))
        .map_err(|text| anyhow!(text))?;
    let usual = PollLimits::default();
    let request = Request {
        method: Method::Get,
        url: url.to_owned(),
        headers: vec![("accept".to_owned(), HeaderText::Plain(ACCEPT.to_vec()))],
        body: Vec::new(),
        limits: Limits {
            total: usual.timeout,
            body_bytes_max: usual.body_bytes_max,
            redirects_max: 5,
            allow_private: settings.allow_private || names_private(url),
        },
    };
    let reply = super::runtime()?.block_on(internet.send(Envelope::Http(request)))?;
    let Reply::Http(response) = reply else {
        return Err(anyhow!("the answer was no HTTP"));
    };
    if response.status != 200 {
        return Err(anyhow!("the server answered {}", response.status));
    }
    Ok(Fetched {
        content_type: response.header_text("content-type").map(str::to_owned),
        url: response.url,
        body: response.body,
    })
}

/// Whether the address itself names a private, loopback or link-local host.
fn names_private(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    match url.host() {
        Some(url::Host::Ipv4(address)) => crate::net::is_private(address.into()),
        Some(url::Host::Ipv6(address)) => crate::net::is_private(address.into()),
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.eq_ignore_ascii_case("localhost")
                || name.to_ascii_lowercase().ends_with(".localhost")
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn who_types_a_private_address_means_it() {
        for (url, is_private) in [
            ("http://localhost:8080/feed", true),
            ("http://127.0.0.1/feed", true),
            ("http://[::1]/feed", true),
            ("http://192.168.1.7/feed", true),
            ("https://feeds.example.org/rss", false),
            ("https://localhost.example.org/rss", false),
            ("https://93.184.215.14/rss", false),
            ("no address", false),
        ] {
            assert_eq!(super::names_private(url), is_private, "{url}");
        }
    }
}
