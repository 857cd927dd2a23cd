//! Errors of the libraries below, in words that tell an operator what to look at.

use std::{error::Error, io};

use rustls::{CertificateError, Error as TlsError};

/// An error and all that caused it, outermost first. An I/O error hides its cause from `source()`; here it is shown.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut causes: Vec<&(dyn Error + 'static)> = Vec::new();
    let mut next = Some(error);
    // A bound, should an error ever name itself as its cause.
    while let Some(cause) = next.filter(|_| causes.len() < 16) {
        causes.push(cause);
        next = match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    causes
}

/// The TLS error among the causes.
pub fn tls_cause(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).into_iter().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<TlsError>() {
            return Some(tls_words(error));
        }
        // tokio-rustls has no type for a server that just hangs up.
        let is_cut_off = cause.to_string() == "tls handshake eof";
        is_cut_off.then(|| "it hung up in the middle of the TLS handshake".to_owned())
    })
}

/// The innermost cause as the end of a sentence: begun in lower case, without the number of the system's error.
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    let text = causes(error)
        .last()
        .map(|cause| cause.to_string())
        .unwrap_or_default();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    let text = match (chars.next(), chars.clone().next()) {
        // `Connection reset`, but not `TLS`.
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    };
    crate::render::clean_line(&text, 200)
}

/// What is wrong, as the end of a sentence that begins with the host.
fn tls_words(error: &TlsError) -> String {
    use CertificateError as Certificate;
    match error {
        TlsError::InvalidCertificate(problem) => match problem {
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "its certificate has expired".to_owned()
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "its certificate is not valid yet: is the clock of this machine right?".to_owned()
            }
            Certificate::UnknownIssuer => {
                "its certificate comes from an authority that this machine does not trust"
                    .to_owned()
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "its certificate is for another name".to_owned()
            }
            Certificate::Revoked => "its certificate was revoked".to_owned(),
            // What the verifiers of the system have no name for, such as an authority's own certificate on a server.
            Certificate::Other(other) => {
                format!("its certificate cannot be accepted ({})", other.0)
            }
            other => format!("its certificate cannot be accepted: {other}"),
        },
        TlsError::AlertReceived(alert) => format!("it broke off the TLS handshake ({alert:?})"),
        TlsError::InvalidMessage(_) => "it does not speak TLS on this port".to_owned(),
        other => format!("TLS failed: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates() {
        for (problem, words) in [
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "not valid yet"),
            (CertificateError::UnknownIssuer, "does not trust"),
            (CertificateError::NotValidForName, "for another name"),
            (CertificateError::Revoked, "revoked"),
            (CertificateError::BadEncoding, "cannot be accepted"),
        ] {
            let tls = TlsError::InvalidCertificate(problem);
            let error = io::Error::new(io::ErrorKind::InvalidData, tls);
            let told = tls_cause(&error).expect("found below the I/O error");
            assert!(told.contains(words), "{told}");
        }
    }
}
