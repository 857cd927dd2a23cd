//! What a configuration takes from its surroundings, as a value: tests need no process environment.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Variables and folders that a configuration may refer to.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// For `${NAME}`.
    pub variables: BTreeMap<String, String>,
    /// The working directory: relative paths of the command line start here.
    pub directory: PathBuf,
    /// `$STATE_DIRECTORY`: where a service keeps its database.
    pub state_directory: Option<PathBuf>,
    /// `$CREDENTIALS_DIRECTORY`: where systemd puts the service's credentials.
    pub credentials_directory: Option<PathBuf>,
}

impl Environment {
    /// The surroundings of this process. Variables that are not UTF-8 are left out.
    pub fn of_process() -> Environment {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Environment {
            directory: std::env::current_dir().unwrap_or_default(),
            ..Environment::of_variables(variables)
        }
    }

    /// Surroundings with these variables alone, `$STATE_DIRECTORY` and `$CREDENTIALS_DIRECTORY` among them.
    pub fn of_variables(variables: BTreeMap<String, String>) -> Environment {
        let folder = |name: &str| variables.get(name).filter(|value| !value.is_empty());
        // systemd separates several state directories by colons; the first is ours.
        let state = folder("STATE_DIRECTORY").and_then(|folders| folders.split(':').next());
        Environment {
            directory: PathBuf::new(),
            state_directory: state.map(PathBuf::from),
            credentials_directory: folder("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            variables,
        }
    }

    /// `path` as the file system knows it.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    /// `text` with each `${NAME}` replaced by its variable; `$${` stands for `${` itself.
    ///
    /// # Errors
    /// The bytes of `text` that could not be replaced, and why.
    pub fn expand(&self, text: &str) -> Result<String, (std::ops::Range<usize>, String)> {
        let mut expanded = String::with_capacity(text.len());
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| rest.find("${")) {
            let at = from + at;
            let before = text.get(from..at).unwrap_or("");
            if let Some(kept) = before.strip_suffix('$') {
                expanded.push_str(kept);
                expanded.push_str("${");
                from = at + 2;
                continue;
            }
            expanded.push_str(before);
            let rest = text.get(at + 2..).unwrap_or("");
            let Some(close) = rest.find('}') else {
                return Err((at..text.len(), "unclosed `${`".to_owned()));
            };
            let name = rest.get(..close).unwrap_or("");
            let end = at + 2 + close + 1;
            let is_name = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name {
                return Err((
                    at..end,
                    "`${…}` needs the name of an environment variable".to_owned(),
                ));
            }
            let Some(value) = self.variables.get(name) else {
                return Err((
                    at..end,
                    format!("the environment variable {name} is not set"),
                ));
            };
            expanded.push_str(value);
            from = end;
        }
        expanded.push_str(text.get(from..).unwrap_or(""));
        Ok(expanded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_taken_from_the_environment() {
        let variables = [("HOST", "example.org"), ("EMPTY", "")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::of_variables(variables.into());
        for (text, expected) in [
            ("plain $5 {x}", Ok("plain $5 {x}")),
            ("https://${HOST}/x${EMPTY}y", Ok("https://example.org/xy")),
            ("literal $${HOST}", Ok("literal ${HOST}")),
            (
                "a ${NONE} b",
                Err((2..9, "the environment variable NONE is not set")),
            ),
            ("a ${HOST", Err((2..8, "unclosed `${`"))),
            (
                "${}",
                Err((0..3, "`${…}` needs the name of an environment variable")),
            ),
        ] {
            let expected = match expected {
                Ok(text) => Ok(text.to_owned()),
                Err((range, message)) => Err((range, message.to_owned())),
            };
            assert_eq!(environment.expand(text), expected, "{text}");
        }
    }

    #[test]
    fn services_find_their_folders() {
        let variables = [
            ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"),
            ("CREDENTIALS_DIRECTORY", "/run/c"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::of_variables(variables.into());
        assert_eq!(
            environment.state_directory,
            Some(PathBuf::from("/var/lib/a"))
        );
        assert_eq!(
            environment.credentials_directory,
            Some(PathBuf::from("/run/c"))
        );
    }
}
