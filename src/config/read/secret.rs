//! Secrets: from a string, a variable, a file or a systemd credential, and out of every message.

use std::path::Path;

use toml::{Spanned, de::DeValue};

use super::{Reader, in_order, typed::found};
use crate::{
    config::{
        checked::Written,
        include::say,
        problem::Finding,
        value::{Complaint, did_you_mean},
    },
    secret::Secret,
};

impl Reader<'_> {
    /// A secret from wherever it stands. What is written here is never shown.
    pub(super) fn secret(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Secret> {
        let spot = self.spot(value.span());
        let how = r#"write a string, "${NAME}", { file = "path" } or { credential = "name" }"#;
        let found_secret = match value.get_ref() {
            DeValue::String(text) => {
                let mut written = Written {
                    text: text.to_string(),
                    spot,
                    is_expanded: false,
                };
                if !is_one_variable(text) {
                    self.hide(value);
                }
                self.expand(&mut written).then_some(written.text)?
            }
            DeValue::Table(table) if table.len() == 1 => {
                let (name, from) = in_order(table).next()?;
                let DeValue::String(place) = from.get_ref() else {
                    self.hide(value);
                    self.wrong_type(
                        from,
                        "the place of a secret must be a string",
                        found(from.get_ref()),
                        None,
                    );
                    return None;
                };
                let mut place = Written {
                    text: place.to_string(),
                    spot: self.spot(from.span()),
                    is_expanded: false,
                };
                match name.get_ref().as_ref() {
                    "file" | "credential" if !self.expand(&mut place) => return None,
                    "file" => {
                        let path = self.directory.join(&place.text);
                        self.secret_file(&place, &path)?
                    }
                    "credential" => {
                        let is_plain_name = !place.text.is_empty()
                            && !place.text.contains('/')
                            && !place.text.starts_with('.');
                        if !is_plain_name {
                            self.complain(
                                &place,
                                Complaint::new("is not the name of a credential"),
                            );
                            return None;
                        }
                        let Some(folder) = &self.environment.credentials_directory else {
                            let finding = Finding::error(
                                place.spot,
                                "there are no credentials: $CREDENTIALS_DIRECTORY is not set",
                            );
                            self.report(finding.help(format!(
                                "systemd sets it for a service with LoadCredential={}:…; elsewhere use {{ file = \"path\" }}",
                                place.text
                            )));
                            return None;
                        };
                        let path = self.environment.resolve(folder).join(&place.text);
                        self.secret_file(&place, &path)?
                    }
                    other => {
                        self.hide(from);
                        let spot = self.spot(name.span());
                        let finding =
                            Finding::error(spot, format!("unknown place of a secret: `{other}`"));
                        let meant = did_you_mean(other, ["file", "credential"].into_iter());
                        self.report(finding.help(meant.map_or_else(
                            || how.to_owned(),
                            |meant| format!("did you mean `{meant}`?"),
                        )));
                        return None;
                    }
                }
            }
            other => {
                self.hide(value);
                self.wrong_type(
                    value,
                    "a secret must be a string or say where it is",
                    found(other),
                    Some(how.to_owned()),
                );
                return None;
            }
        };
        if found_secret.is_empty() {
            self.report(Finding::error(spot, "the secret is empty"));
            return None;
        }
        Some(Secret::new(found_secret))
    }

    fn secret_file(&mut self, place: &Written, path: &Path) -> Option<String> {
        let read = read_secret(&self.environment.resolve(path));
        match read {
            Ok(secret) => Some(secret),
            Err(error) => {
                let shown = if place.is_expanded {
                    "the secret".to_owned()
                } else {
                    format!("the secret {:?}", place.text)
                };
                self.report(Finding::error(
                    place.spot,
                    format!("cannot read {shown}: {error}"),
                ));
                None
            }
        }
    }
}

/// The longest secret file.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// The text of a file, without the line break that editors leave at its end.
fn read_secret(path: &Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| say(&error))?;
    match () {
        () if !about.is_file() => return Err("it is not a file".to_owned()),
        () if about.len() > SECRET_BYTES_MAX => {
            return Err("it is too large for a secret".to_owned());
        }
        () => (),
    }
    let bytes = std::fs::read(path).map_err(|error| say(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// `${NAME}` and nothing else: that is no secret.
fn is_one_variable(text: &str) -> bool {
    let name = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}
