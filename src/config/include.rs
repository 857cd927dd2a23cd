//! From the main file to all files: each is read once, in the order of the `include` lines.

use std::{
    collections::HashMap,
    path::{Component, Path, PathBuf},
};

use toml::de::DeTable;

use super::{
    checked::{Checked, Written, complain},
    environment::Environment,
    mask,
    problem::Finding,
    read::Reader,
    source::{Source, Spot, decode},
    syntax::{self, line_start},
    value::{Complaint, did_you_mean},
};

/// The longest configuration file that is read.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// How many files may include one another in a row.
const DEPTH_MAX: usize = 16;

/// All files of a configuration.
#[derive(Debug, Default)]
pub struct Files {
    pub sources: Vec<Source>,
    /// What was read from each source; `None` where nothing could be.
    pub tables: Vec<Option<Checked>>,
    pub findings: Vec<Finding>,
    /// The number of each file that was read, by its canonical path.
    known: HashMap<PathBuf, usize>,
}

/// A file on its way in.
struct Found {
    shown: PathBuf,
    real: PathBuf,
}

/// Reads the main file and everything that it includes.
pub fn read_all(path: &Path, environment: &Environment) -> Files {
    let mut files = Files::default();
    let found = Found {
        shown: path.to_owned(),
        real: environment.resolve(path),
    };
    match read_bytes(&found.real) {
        Ok(bytes) => files.read(found, &bytes, environment, &mut Vec::new()),
        Err(error) => {
            let mut unread = Source::new(found.shown, String::new());
            unread.is_broken = true;
            files.sources.push(unread);
            files.tables.push(None);
            let finding = Finding::error(
                Spot::new(0, 0..0),
                format!("cannot read the configuration: {error}"),
            );
            files
                .findings
                .push(finding.help("name another with --config FILE or $WIREWATCH_CONFIG"));
        }
    }
    files
}

/// Reads every `.toml` file of a folder and below it in the order of their names, then the configuration; gives the number
/// of files that the folder led to. A file that is in both belongs to the folder.
pub fn read_folder_first(folder: &Path, path: &Path, environment: &Environment) -> (Files, usize) {
    let mut files = Files::default();
    let directory = environment.resolve(folder);
    let mut reals: Vec<PathBuf> = ["*.toml", "**/*.toml"]
        .into_iter()
        .flat_map(|pattern| matches(&directory, pattern).unwrap_or_default())
        .collect();
    reals.sort();
    reals.dedup();
    let in_folder = reals.into_iter().map(|real| Found {
        shown: folder.join(real.strip_prefix(&directory).unwrap_or(&real)),
        real,
    });
    for found in in_folder {
        files.read_named(found, environment);
    }
    let count = files.sources.len();
    let main = Found {
        shown: path.to_owned(),
        real: environment.resolve(path),
    };
    files.read_named(main, environment);
    (files, count)
}

impl Files {
    /// A file that no `include` leads to, unless it was read already.
    fn read_named(&mut self, found: Found, environment: &Environment) {
        if self.known.contains_key(&canonical(&found.real)) {
            return;
        }
        match read_bytes(&found.real) {
            Ok(bytes) => self.read(found, &bytes, environment, &mut Vec::new()),
            Err(error) => {
                let mut unread = Source::new(found.shown, String::new());
                unread.is_broken = true;
                let spot = Spot::whole(self.sources.len());
                self.sources.push(unread);
                self.tables.push(None);
                let finding = Finding::error(spot, format!("cannot read this file: {error}"));
                self.findings.push(finding);
            }
        }
    }

    /// One file and what it includes. `above` are the files that led here.
    fn read(
        &mut self,
        found: Found,
        bytes: &[u8],
        environment: &Environment,
        above: &mut Vec<usize>,
    ) {
        let number = self.sources.len();
        let decoded = decode(bytes);
        self.known.insert(canonical(&found.real), number);
        self.sources
            .push(Source::new(found.shown.clone(), decoded.text));
        self.tables.push(None);
        let directory = found.real.parent().unwrap_or(Path::new("")).to_owned();

        let Some(source) = self.sources.last_mut() else {
            return;
        };
        let text = source.text.clone();
        if let Some((at, message)) = decoded.bad {
            source.is_broken = true;
            let finding = Finding::error(Spot::new(number, at..at + 1), message);
            self.findings.push(finding.help("save the file as UTF-8"));
            return;
        }
        let (document, errors) = DeTable::parse_recoverable(&text);
        let syntax = syntax::findings(number, &text, &errors);
        let line = |finding: &Finding| line_start(&text, finding.spot.range().start);
        let broken_lines: Vec<usize> = errors
            .iter()
            .map(|error| line_start(&text, error.span().map_or(0, |span| span.start)))
            .collect();
        source.is_broken = !errors.is_empty();
        let mut findings = Vec::new();
        let checked = Reader {
            environment,
            source,
            file: number,
            directory: &directory,
            findings: &mut findings,
            name: String::new(),
            watch: None,
        }
        .file(document.get_ref());
        // What a broken line was mended to is a guess: problems of the guess are noise.
        if !errors.is_empty() {
            // Where a secret may stand, what was read may be one: nothing is said that could repeat it.
            let hidden = mask::find_in_broken(&text);
            let is_hidden = |finding: &Finding| {
                let spot = finding.spot.range();
                hidden
                    .iter()
                    .any(|part| part.start < spot.end && spot.start < part.end)
            };
            findings
                .retain(|finding| !broken_lines.contains(&line(finding)) && !is_hidden(finding));
        }
        self.findings.extend(syntax);
        self.findings.append(&mut findings);

        let includes = checked.texts("include").to_vec();
        if let Some(table) = self.tables.get_mut(number) {
            *table = Some(checked);
        }
        above.push(number);
        for include in &includes {
            self.include(include, &found.shown, &directory, environment, above);
        }
        above.pop();
    }

    /// The files that one string of an `include` stands for.
    fn include(
        &mut self,
        written: &Written,
        from: &Path,
        directory: &Path,
        environment: &Environment,
        above: &mut Vec<usize>,
    ) {
        let is_glob = written.text.contains(['*', '?', '[']);
        if above.len() >= DEPTH_MAX {
            self.findings.push(Finding::error(
                written.spot,
                format!("files include one another more than {DEPTH_MAX} deep"),
            ));
            return;
        }
        let reals = match is_glob {
            true => match matches(directory, &written.text) {
                Ok(reals) => reals,
                Err(complaint) => return self.complain(written, complaint),
            },
            false => vec![directory.join(&written.text)],
        };
        if reals.is_empty() {
            let finding =
                Finding::warning(written.spot, format!("{:?} matches no file", written.text));
            let folder = shown_under(from, directory, directory);
            self.findings
                .push(match Path::new(&written.text).is_absolute() {
                    true => finding,
                    false => finding.help(format!("looked in {}", folder.display())),
                });
        }
        for real in reals {
            let known = self.known.get(&canonical(&real)).copied();
            if let Some(known) = known {
                // A glob may well match the file it stands in; a path that leads back is a mistake.
                if !is_glob && above.contains(&known) {
                    self.findings
                        .push(Finding::error(written.spot, self.cycle(known, above)));
                }
                continue;
            }
            let found = Found {
                shown: shown_under(from, directory, &real),
                real,
            };
            match read_bytes(&found.real) {
                Ok(bytes) => self.read(found, &bytes, environment, above),
                Err(error) => {
                    let finding = Finding::error(
                        written.spot,
                        format!("cannot read {}: {error}", found.shown.display()),
                    );
                    self.findings.push(Finding {
                        help: similar(&found.real, from)
                            .map(|name| format!("did you mean `{name}`?")),
                        ..finding
                    });
                }
            }
        }
    }

    fn complain(&mut self, written: &Written, complaint: Complaint) {
        if let Some(source) = self.sources.get(written.spot.file()) {
            self.findings.push(complain(source, written, complaint));
        }
    }

    /// `the files include one another: a.toml -> b.toml -> a.toml`.
    fn cycle(&self, first: usize, above: &[usize]) -> String {
        let names = above
            .iter()
            .skip_while(|number| **number != first)
            .chain([&first])
            .filter_map(|number| self.sources.get(*number))
            .map(|source| source.shown.display().to_string());
        format!(
            "the files include one another: {}",
            names.collect::<Vec<_>>().join(" -> ")
        )
    }
}

/// The files below `directory` that a glob matches, in the order of their names.
fn matches(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, Complaint> {
    let whole = match Path::new(pattern).is_absolute() {
        true => pattern.to_owned(),
        false => {
            let escaped = glob::Pattern::escape(&directory.to_string_lossy());
            match escaped.is_empty() {
                true => pattern.to_owned(),
                false => format!("{}/{pattern}", escaped.trim_end_matches('/')),
            }
        }
    };
    let options = glob::MatchOptions {
        require_literal_leading_dot: true,
        ..glob::MatchOptions::new()
    };
    match glob::glob_with(&whole, options) {
        Ok(paths) => Ok(paths
            .filter_map(Result::ok)
            .filter(|path| !path.is_dir())
            .collect()),
        Err(error) => Err(Complaint::new(format!("is not a glob: {}", error.msg))),
    }
}

/// A file as a person finds it: below the folder of the file that includes it, as that was named.
fn shown_under(from: &Path, directory: &Path, real: &Path) -> PathBuf {
    let folder = from.parent().unwrap_or(Path::new(""));
    let shown = match real.strip_prefix(directory) {
        Ok(below) => folder.join(below),
        Err(_) => real.to_owned(),
    };
    let shown: PathBuf = shown
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    match shown.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => shown,
    }
}

/// The name of a file in the same folder, other than the one that asks, that a misspelt one was probably meant to be.
fn similar(path: &Path, from: &Path) -> Option<String> {
    const NAMES_MAX: usize = 1000;
    let wanted = path.file_name()?.to_str()?;
    let names: Vec<String> = std::fs::read_dir(path.parent()?)
        .ok()?
        .take(NAMES_MAX)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| from.file_name().is_none_or(|from| from != name.as_str()))
        .collect();
    did_you_mean(wanted, names.iter().map(String::as_str)).map(str::to_owned)
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let about = std::fs::metadata(path).map_err(|error| say(&error))?;
    match () {
        () if about.is_dir() => Err("it is a directory".to_owned()),
        () if !about.is_file() => Err("it is not a file".to_owned()),
        () if about.len() > FILE_BYTES_MAX => {
            Err(format!("it is over {} MiB", FILE_BYTES_MAX >> 20))
        }
        () => std::fs::read(path).map_err(|error| say(&error)),
    }
}

/// An error of the file system in words.
pub fn say(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}
