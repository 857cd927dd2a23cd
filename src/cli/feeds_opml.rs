//! `wirewatch feeds import` and `feeds export`: feeds come from other readers, and go to them, as OPML.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use quick_xml::escape::escape;

use super::{Globals, load, print, tell};
use crate::{
    config::{self, check_feed_url, lang_code},
    model::Feed,
    parse::opml,
};

/// Longer lists are not lists of feeds.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Longer names are cut off.
const NAME_CHARACTERS_MAX: usize = 40;

/// Turn an OPML list of feeds into configuration
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The list, as a feed reader exports it
    #[arg(value_name = "FILE.opml")]
    pub file: PathBuf,
    /// Write the feeds to a new file instead of stdout, such as config/feeds/mine.toml
    #[arg(long, value_name = "FILE.toml")]
    pub write: Option<PathBuf>,
}

/// Prints (or writes) the feeds of a list that are not configured yet; says on stderr which were left out and why.
///
/// # Errors
/// When the list cannot be read, or the file to write exists already.
pub fn import(args: &ImportArgs, globals: &Globals) -> anyhow::Result<ExitCode> {
    let shown = args.file.display();
    let about = std::fs::metadata(&args.file).with_context(|| format!("cannot read {shown}"))?;
    if about.len() > FILE_BYTES_MAX {
        bail!(
            "cannot read {shown}: it is over {} MiB",
            FILE_BYTES_MAX >> 20
        );
    }
    let body = std::fs::read(&args.file).with_context(|| format!("cannot read {shown}"))?;
    let list = opml::read(&body)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("cannot read {shown}"))?;

    // Without a configuration there is nothing to compare with; one with errors is no reason not to import.
    let known = globals.config_path().ok().and_then(|path| {
        let environment =
            super::environment_of_the_service(config::Environment::of_process(), &path);
        let loaded = config::load(&path, &environment).config;
        if loaded.is_none() {
            tell(&format!(
                "not compared with {}: it has errors (see `wirewatch check`)",
                path.display()
            ));
        }
        loaded
    });
    let known: &[_] = known.as_ref().map_or(&[], |config| &config.feeds);
    let import = Import::of(&list, known);
    for skipped in &import.skipped {
        super::complain(&format!("skipped {skipped}"));
    }
    let text = format!("# From {}.\n{}", file_name(&args.file), import.toml);
    match &args.write {
        Some(path) => {
            let mut file = std::fs::File::create_new(path)
                .with_context(|| format!("cannot create {}", path.display()))?;
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .with_context(|| format!("cannot write {}", path.display()))?;
            tell(&format!(
                "{}; written to {}",
                import.summary(),
                path.display()
            ));
        }
        None => {
            print(text.as_bytes())?;
            tell(&import.summary());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints every configured feed as OPML 2.0.
///
/// # Errors
/// When there is no good configuration.
pub fn export(globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = load(globals)?;
    let feeds: Vec<&Feed> = config.feeds.iter().map(|feed| &**feed).collect();
    print(to_opml(&feeds).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The name of a file on one line, for a comment.
fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.chars()
        .filter(|character| !character.is_control())
        .collect()
}

/// A list on its way into a configuration.
#[derive(Debug, Default)]
struct Import {
    /// `[feeds.NAME]` tables.
    toml: String,
    count: usize,
    /// What was left out: address and reason.
    skipped: Vec<String>,
}

impl Import {
    /// The feeds of `list` that are good and not among the `known` ones, each under a name of its own.
    fn of(list: &opml::List, known: &[std::sync::Arc<Feed>]) -> Import {
        let mut import = Import::default();
        let mut names: HashMap<String, usize> =
            known.iter().map(|feed| (feed.name.clone(), 2)).collect();
        let mut urls: HashMap<String, String> = known
            .iter()
            .map(|feed| {
                (
                    feed.url.clone(),
                    format!("already configured as {}", feed.name),
                )
            })
            .collect();
        for listed in &list.feeds {
            let url = web_address(&listed.url);
            let reason = match (check_feed_url(&url), urls.get(&url)) {
                (Err(message), _) => Some(message),
                (Ok(()), Some(reason)) => Some(reason.clone()),
                (Ok(()), None) if url.to_ascii_lowercase().starts_with("file:") => {
                    Some("a list from elsewhere does not name files of this machine".to_owned())
                }
                (Ok(()), None) => None,
            };
            if let Some(reason) = reason {
                import
                    .skipped
                    .push(format!("{}: {reason}", config::without_login(&listed.url)));
                continue;
            }
            let name = unique(name_of(&listed.title, &url), &mut names);
            urls.insert(url.clone(), format!("already in this list as {name}"));
            import.add(&name, &url, listed);
        }
        if list.dropped > 0 {
            import
                .skipped
                .push(format!("{} more feeds: the list is too long", list.dropped));
        }
        import
    }

    fn add(&mut self, name: &str, url: &str, listed: &opml::Listed) {
        let mut lines = format!("url = {}\n", literal(url));
        let tags: Vec<toml::Value> = listed
            .groups
            .iter()
            .map(|group| slug(group))
            .filter(|tag| !tag.is_empty())
            .map(toml::Value::String)
            .collect();
        if !tags.is_empty() {
            let _ = writeln!(lines, "tags = {}", toml::Value::Array(tags));
        }
        if let Some(lang) = lang_code(&listed.lang) {
            let _ = writeln!(lines, "lang = \"{lang}\"");
        }
        let key = match name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            true => name.to_owned(),
            false => toml::Value::String(name.to_owned()).to_string(),
        };
        let _ = write!(self.toml, "\n[feeds.{key}]\n{lines}");
        self.count += 1;
    }

    fn summary(&self) -> String {
        let feeds = match self.count {
            1 => "1 feed".to_owned(),
            count => format!("{count} feeds"),
        };
        match self.skipped.len() {
            0 => feeds,
            skipped => format!("{feeds}, {skipped} skipped"),
        }
    }
}

/// A string whose `${` is no variable.
fn literal(text: &str) -> toml::Value {
    toml::Value::String(text.replace("${", "$${"))
}

/// An address without the pseudo-scheme that some readers put in front.
pub(super) fn web_address(url: &str) -> String {
    let url = url.trim();
    let rest = url
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("feed:"))
        .and_then(|_| url.get(5..));
    match rest {
        Some(rest) if rest.starts_with("//") => format!("https:{rest}"),
        Some(rest) => rest.to_owned(),
        None => url.to_owned(),
    }
}

/// A name made of the title, else of the host.
pub(super) fn name_of(title: &str, url: &str) -> String {
    let host = || {
        let url = url::Url::parse(url).ok()?;
        Some(slug(url.host_str()?.trim_start_matches("www.")))
    };
    match slug(title) {
        name if !name.is_empty() => name,
        _ => host()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "feed".to_owned()),
    }
}

/// Letters and digits in lower case, hyphens between.
fn slug(text: &str) -> String {
    let words = text.split(|character: char| !character.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let joined: String = words
        .join("-")
        .chars()
        .filter(|character| character.is_alphanumeric() || *character == '-')
        .take(NAME_CHARACTERS_MAX)
        .collect();
    // A letter of some script takes four bytes; names are bounded in bytes.
    let bounded = joined.get(..joined.floor_char_boundary(80)).unwrap_or("");
    bounded.trim_matches('-').to_owned()
}

/// The name itself, else with a number behind it. `names` knows each taken name and the next number to try behind it.
pub(super) fn unique(name: String, names: &mut HashMap<String, usize>) -> String {
    let mut candidate = name.clone();
    let mut number = names.get(&name).copied().unwrap_or(2);
    while names.contains_key(&candidate) {
        candidate = format!("{name}-{number}");
        number += 1;
    }
    names.insert(name, number);
    names.entry(candidate.clone()).or_insert(2);
    candidate
}

fn to_opml(feeds: &[&Feed]) -> String {
    let mut opml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<opml version=\"2.0\">\n  <head>\n    <title>wirewatch</title>\n  </head>\n  <body>\n",
    );
    for feed in feeds {
        let _ = write!(
            opml,
            "    <outline type=\"rss\" text=\"{}\" xmlUrl=\"{}\"",
            attribute(&feed.name),
            attribute(&feed.url)
        );
        if !feed.tags.is_empty() {
            let _ = write!(opml, " category=\"{}\"", attribute(&feed.tags.join(",")));
        }
        if let Some(lang) = &feed.lang {
            let _ = write!(opml, " language=\"{}\"", attribute(lang));
        }
        opml.push_str("/>\n");
    }
    opml.push_str("  </body>\n</opml>\n");
    opml
}

/// Text that may stand between the quotes of an XML 1.0 attribute.
fn attribute(text: &str) -> String {
    let is_allowed =
        |character: &char| !character.is_control() && !matches!(character, '\u{FFFE}' | '\u{FFFF}');
    let text: String = text.chars().filter(is_allowed).collect();
    escape(text).into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use proptest::prelude::*;

    fn listed(title: &str, url: &str, groups: &[&str]) -> opml::Listed {
        opml::Listed {
            title: title.to_owned(),
            url: url.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            lang: String::new(),
        }
    }

    fn import(feeds: Vec<opml::Listed>) -> Import {
        let known = Feed {
            url: "https://known.example/".to_owned(),
            ..Feed::named("known")
        };
        Import::of(&opml::List { feeds, dropped: 0 }, &[Arc::new(known)])
    }

    #[test]
    fn feeds_get_names_tags_and_reasons() {
        let import = import(vec![
            listed(
                "BBC News – World",
                "https://a.example/rss",
                &["Wars & Peace", "!"],
            ),
            listed("BBC News: World", "https://b.example/rss", &[]),
            listed("", "feed://www.c.example/rss", &[]),
            listed("Новости мира", "https://d.example/?a=\"${x}\"", &[]),
            listed("Known", "https://e.example/", &[]),
            listed("Again", "https://a.example/rss", &[]),
            listed("Configured", "https://known.example/", &[]),
            listed("Odd", "ftp://f.example/", &[]),
            listed("Local", "file:///etc/passwd", &[]),
            listed("Login", "https://me:hunter2@g.example/", &[]),
        ]);
        let expected = r#"
[feeds.bbc-news-world]
url = "https://a.example/rss"
tags = ["wars-peace"]

[feeds.bbc-news-world-2]
url = "https://b.example/rss"

[feeds.c-example]
url = "https://www.c.example/rss"

[feeds."новости-мира"]
url = 'https://d.example/?a="$${x}"'

[feeds.known-2]
url = "https://e.example/"
"#;
        assert_eq!(import.toml, expected);
        assert_eq!(
            import.skipped,
            [
                "https://a.example/rss: already in this list as bbc-news-world",
                "https://known.example/: already configured as known",
                "ftp://f.example/: does not begin with https:// or http://",
                "file:///etc/passwd: a list from elsewhere does not name files of this machine",
                "https://…@g.example/: holds a user name or a password",
            ]
        );
        assert_eq!(import.summary(), "5 feeds, 5 skipped");
    }

    proptest! {
        /// Whatever titles and groups a list has, what is written is configuration.
        #[test]
        fn what_is_imported_passes_check(feeds in prop::collection::vec((".{0,60}", "[a-z$\\{\\}\"'?&=]{0,12}", prop::collection::vec(".{0,20}", 0..3)), 0..8)) {
            let feeds = feeds.iter().map(|(title, path, groups)| {
                let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
                listed(title, &format!("https://example.org/{path}"), &groups)
            });
            let import = import(feeds.collect());
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("a.toml"), &import.toml).unwrap();
            let environment = config::Environment { directory: folder.path().to_owned(), ..Default::default() };
            let loaded = config::load(Path::new("a.toml"), &environment);
            prop_assert!(loaded.config.is_some(), "{}{:?}", import.toml, loaded.problems);
            let config = loaded.config.unwrap();
            prop_assert_eq!(config.feeds.len(), import.count);

            // And back: the same addresses and tags, in the same order.
            let feeds: Vec<&Feed> = config.feeds.iter().map(|feed| &**feed).collect();
            let again = opml::read(to_opml(&feeds).as_bytes()).unwrap();
            for (feed, listed) in feeds.iter().zip(&again.feeds) {
                prop_assert_eq!((&feed.url, &feed.name), (&listed.url, &listed.title));
            }
            prop_assert_eq!(again.feeds.len(), feeds.len());
        }
    }
}
