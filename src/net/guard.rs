//! Which addresses may be connected to. A feed, a redirect or a webhook must not reach this machine or its neighbours
//! (cloud metadata, routers, databases) unless the configuration says so.
//!
//! The check is on the addresses that are really connected to: the connector gets those that pass here and asks no second
//! time, so a name whose answer changes between check and use (rebinding) gains nothing.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

use super::stage;
use crate::envelope::{NetError, Stage};

/// For looking up one name. The system's resolver has its own, often longer, limits.
pub const LOOKUP_MAX: Duration = Duration::from_secs(5);

/// Whether an address is not one of the public internet: loopback, private, link-local, shared (RFC 6598), multicast,
/// documentation, reserved, or IPv6 around such an IPv4 address (mapped, NAT64, 6to4).
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_private_v4(ip),
        IpAddr::V6(ip) => is_private_v6(ip),
    }
}

/// IANA IPv4 Special-Purpose Address Registry (RFC 6890), all that is not globally reachable.
fn is_private_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, _, _)
    )
}

/// IANA IPv6 Special-Purpose Address Registry. Only 2000::/3 is global unicast; NAT64 (RFC 6052) leads to IPv4.
fn is_private_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_private_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        (0, 0) if (c, d, e, f) == (0, 0, 0, 0xffff) => v4(g, h),
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => v4(g, h),
        (0x2002, _) => v4(b, c),
        // Teredo and the other IETF assignments, of which none serves feeds; documentation.
        (0x2001, 0..=0x1ff | 0xdb8) => true,
        (0x3fff, 0..=0xfff) => true,
        (0x2000..=0x3fff, _) => false,
        _ => true,
    }
}

/// Refuses a host that is written as a private address. Every spelling (decimal, octal, short) has become an address in
/// the URL parser; names are checked when they are looked up.
pub fn check_host(host: &Host<&str>) -> Result<(), NetError> {
    let ip = match host {
        Host::Domain(_) => return Ok(()),
        Host::Ipv4(ip) => IpAddr::V4(*ip),
        Host::Ipv6(ip) => IpAddr::V6(*ip),
    };
    if is_private(ip) {
        return Err(refused(&host.to_string(), None));
    }
    Ok(())
}

/// The addresses of `host` that may be connected to, in the resolver's order.
pub async fn look_up(
    host: &str,
    port: u16,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, NetError> {
    let answer = tokio::time::timeout(LOOKUP_MAX, tokio::net::lookup_host((host, port))).await;
    let found: Vec<SocketAddr> = match answer {
        Err(_) => {
            return Err(NetError::Late {
                stage: Stage::Lookup,
                after: LOOKUP_MAX,
            });
        }
        Ok(Err(error)) => return Err(lookup_error(host, &error)),
        Ok(Ok(found)) => found.collect(),
    };
    let Some(first) = found.first().copied() else {
        return Err(NetError::Name(format!("no such host: {host}")));
    };
    let allowed: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| allow_private || !is_private(address.ip()))
        .collect();
    if allowed.is_empty() {
        return Err(refused(host, Some(first.ip())));
    }
    Ok(allowed)
}

fn refused(host: &str, ip: Option<IpAddr>) -> NetError {
    NetError::Private(match ip {
        Some(ip) if ip.to_string() != host => {
            format!("{host} has the private address {ip}, refused (allow_private = false)")
        }
        _ => format!("{host} is a private address, refused (allow_private = false)"),
    })
}

/// The system's resolver says why in words alone; those of glibc for "no such name" are told from those for "no network".
fn lookup_error(host: &str, error: &std::io::Error) -> NetError {
    let text = error.to_string();
    let text = text
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text);
    let is_unknown = text.contains("not known") || text.contains("No address associated");
    NetError::Name(if is_unknown {
        format!("no such host: {host}")
    } else {
        format!("cannot look up {host}: {}", text.to_lowercase())
    })
}

/// The resolver of one HTTP client.
#[derive(Clone, Copy, Debug)]
pub struct Resolver {
    pub allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            // Port 0 stands for the scheme's own; the connector puts in the right one.
            stage::enter(Stage::Lookup);
            let found = look_up(name.as_str(), 0, allow_private).await?;
            stage::enter(Stage::Connect);
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses() {
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn public_addresses() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:4860:4860::8888",
            "2002:808:808::1",
            "2606:4700::1111",
            "2a00:1450:4001::1",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn every_spelling_of_a_private_host_is_refused() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://127.0.0.1./",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::a00:1]/",
            "http://①②⑦.0.0.1/",
            "http://%31%32%37.0.0.1/",
        ] {
            let url = url::Url::parse(url).unwrap();
            let refused = check_host(&url.host().unwrap());
            assert!(matches!(refused, Err(NetError::Private(_))), "{url}");
        }
    }
}
