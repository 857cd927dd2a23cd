//! Whose word a pushed document is, and addresses and secrets that nobody else can make.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use crate::secret::Secret;

/// Whether `X-Hub-Signature` (8.1) signs this body with this secret.
pub fn is_signed(header: &str, secret: &Secret, body: &[u8]) -> bool {
    let Some((method, signature)) = header.trim().split_once('=') else {
        return false;
    };
    let Some(signature) = unhex(signature) else {
        return false;
    };
    let key = secret.expose().as_bytes();
    match method.to_ascii_lowercase().as_str() {
        "sha1" => matches::<Hmac<sha1::Sha1>>(key, body, &signature),
        "sha256" => matches::<Hmac<Sha256>>(key, body, &signature),
        "sha384" => matches::<Hmac<Sha384>>(key, body, &signature),
        "sha512" => matches::<Hmac<Sha512>>(key, body, &signature),
        _ => false,
    }
}

/// Takes the same time wherever the first difference is.
fn matches<M: Mac + KeyInit>(key: &[u8], body: &[u8], signature: &[u8]) -> bool {
    let mut mac =
        <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of every length (RFC 2104)");
    mac.update(body);
    mac.verify_slice(signature).is_ok()
}

/// A text that only the holder of `key` can make, for one purpose and these parts: 32 hexadecimal digits.
pub fn derived(key: &[u8], purpose: &str, parts: &[&str]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length (RFC 2104)");
    for part in std::iter::once(&purpose).chain(parts) {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    let bytes = mac.finalize().into_bytes();
    bytes
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = text.trim().as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_this_body_by_this_secret() {
        let secret = Secret::new("key");
        let body = b"The quick brown fox jumps over the lazy dog";
        for (header, is_good) in [
            // The first two are of the HMAC article's common example.
            ("sha1=de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9", true),
            (
                "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
                true,
            ),
            (
                "SHA256=F7BC83F430538424B13298E6AA6FB143EF4D59A14946175997479DBC2D1A3CD8",
                true,
            ),
            (
                "sha384=d7f4727e2c0b39ae0f1e40cc96f60242d5b7801841cea6fc592c5d3e1ae50700582a96cf35e1e554995fe4e03381c237",
                true,
            ),
            (
                "sha512=b42af09057bac1e2d41708e48a902e09b5ff7f12ab428a4fe86653c73dd248fb82f948a549f7b791a5b41915ee4d1ec3935357e4e2317250d0372afa2ebeeb3a",
                true,
            ),
            (
                "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd9",
                false,
            ),
            ("sha256=f7bc83f430538424b13298e6aa6fb143", false),
            ("sha256=", false),
            (
                "sha1=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
                false,
            ),
            ("md5=80070713463e7749b90c2dc24911e275", false),
            ("sha256=é", false),
            ("", false),
        ] {
            assert_eq!(is_signed(header, &secret, body), is_good, "{header}");
        }
    }

    #[test]
    fn derived_texts_differ_by_key_purpose_and_parts() {
        let all = [
            derived(b"k", "callback", &["a", "bc"]),
            derived(b"k", "callback", &["ab", "c"]),
            derived(b"k", "secret", &["a", "bc"]),
            derived(b"l", "callback", &["a", "bc"]),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!((distinct.len(), all[0].len()), (4, 32));
    }
}
