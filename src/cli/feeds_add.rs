//! `wirewatch feeds add URL`: one feed, found behind the address that a person has, checked, and written into the
//! configuration beside the others. Nothing else in the file changes; nothing is asked.

use std::{
    collections::HashMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, anyhow, bail};
use toml_edit::{Array, DocumentMut, Item as TomlItem, Table, value};

use super::{
    Globals,
    feeds_opml::{name_of, unique, web_address},
    finder::{Finder, Found},
    load, print, show, tell,
};
use crate::{
    config::{self, Config, check_feed_url, without_login},
    model::Feed,
    time::{Clock, rfc3339},
};

/// Find the feed of a site and add it to the configuration
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wirewatch feeds add https://www.bbc.co.uk/news\n  \
    wirewatch feeds add https://example.org/rss.xml --name my-wire --tags wire,en\n  \
    wirewatch feeds add https://example.org --dry-run"
)]
pub struct AddArgs {
    /// A feed, or a page of the site whose feed is wanted
    #[arg(value_name = "URL")]
    url: String,
    /// What to call it; absent: made of the feed's title
    #[arg(long)]
    name: Option<String>,
    /// Words that rules choose feeds by
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
    /// The family that counts once in corroboration; absent: the site's registrable domain
    #[arg(long)]
    publisher: Option<String>,
    /// The configuration file to write to; absent: the one with most feeds
    #[arg(long, value_name = "FILE.toml")]
    file: Option<PathBuf>,
    /// Show what would be added, write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Print what was added as one JSON object
    #[arg(long)]
    json: bool,
}

/// Finds, checks and writes the feed.
///
/// # Errors
/// Where there is no feed, it is configured already, or the file cannot be written; then nothing was.
pub fn add(args: &AddArgs, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = load(globals)?;
    let url = address(&args.url)?;
    if let Some(known) = known(&config, [url.as_str()]) {
        bail!(
            "{} is configured already, as {}",
            without_login(&url),
            known.name
        );
    }
    let mut finder = Finder::new(&config)?;
    let found = finder.find(&url)?;
    if let Some(known) = known(&config, [found.url.as_str(), found.answered.as_str()]) {
        bail!(
            "{} leads to a feed that is configured already, as {}",
            without_login(&url),
            known.name
        );
    }
    let name = chosen_name(args, &found, &config)?;
    let file = match &args.file {
        Some(file) => file.clone(),
        None => fullest_file(&config),
    };
    if !is_read(&config, &file) {
        bail!(
            "{} is not a file of this configuration: `include` it in {}, or name one of {}",
            file.display(),
            config.path.display(),
            listed(&config.files)
        );
    }
    let before = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let (after, lines) = with_feed(&before, &name, &found.url, args)
        .with_context(|| format!("cannot add to {}", file.display()))?;
    if !args.dry_run {
        write(&file, &before, &after, globals)?;
    }
    report(args, &found, &name, &file, &lines)?;
    Ok(ExitCode::SUCCESS)
}

/// The address as it was typed, with what people leave out.
fn address(typed: &str) -> anyhow::Result<String> {
    let url = web_address(typed);
    let url = match url.contains("://") || url.starts_with("file:") {
        true => url,
        false => format!("https://{url}"),
    };
    check_feed_url(&url).map_err(|message| anyhow!("{:?} {message}", without_login(&url)))?;
    if !url.starts_with("http") {
        bail!("{url:?} is no web address: write a [feeds.NAME] table for a file");
    }
    Ok(url)
}

/// The configured feed at one of these addresses.
fn known<'a>(config: &'a Config, urls: impl IntoIterator<Item = &'a str>) -> Option<&'a Feed> {
    let urls: Vec<String> = urls.into_iter().map(comparable).collect();
    let is_there = |feed: &&std::sync::Arc<Feed>| urls.contains(&comparable(&feed.url));
    config.feeds.iter().find(is_there).map(|feed| &**feed)
}

/// An address without what seldom makes it another feed: scheme, `www.`, closing slash, fragment.
fn comparable(url: &str) -> String {
    let rest = url.split('#').next().unwrap_or("");
    let rest = rest.split_once("://").map_or(rest, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.to_ascii_lowercase();
    format!(
        "{}/{}",
        host.trim_start_matches("www."),
        path.trim_end_matches('/')
    )
}

fn chosen_name(args: &AddArgs, found: &Found, config: &Config) -> anyhow::Result<String> {
    let is_taken = |name: &str| config.feeds.iter().any(|feed| feed.name == name);
    match &args.name {
        Some(name) => {
            config::check_name(name).map_err(|message| anyhow!("--name {name:?} {message}"))?;
            if is_taken(name) {
                bail!("a feed called {name} is configured already: choose another --name");
            }
            Ok(name.clone())
        }
        None => {
            let mut taken: HashMap<String, usize> = config
                .feeds
                .iter()
                .map(|feed| (feed.name.clone(), 2))
                .collect();
            Ok(unique(name_of(&found.parsed.title, &found.url), &mut taken))
        }
    }
}

/// The file that holds most feeds, the main one where none does.
fn fullest_file(config: &Config) -> PathBuf {
    let feeds_in = |file: &&PathBuf| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let document = text.parse::<DocumentMut>().ok();
        document
            .and_then(|document| Some(document.get("feeds")?.as_table_like()?.len()))
            .unwrap_or(0)
    };
    // Of several, `max_by_key` takes the last; the main file is the first.
    let fullest = config.files.iter().rev().max_by_key(feeds_in);
    fullest.unwrap_or(&config.path).clone()
}

fn is_read(config: &Config, file: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let wanted = real(file);
    wanted.is_some() && config.files.iter().any(|known| real(known) == wanted)
}

fn listed(files: &[PathBuf]) -> String {
    const SHOWN_MAX: usize = 5;
    let mut shown: Vec<String> = files
        .iter()
        .take(SHOWN_MAX)
        .map(|file| file.display().to_string())
        .collect();
    if files.len() > SHOWN_MAX {
        shown.push(format!("{} more", files.len() - SHOWN_MAX));
    }
    shown.join(", ")
}

/// The text of a file with one more feed behind those that it has, and the lines that this adds.
fn with_feed(
    text: &str,
    name: &str,
    url: &str,
    args: &AddArgs,
) -> anyhow::Result<(String, String)> {
    let mut document: DocumentMut = text.parse().context("it is not whole TOML")?;
    // `${` would begin a variable.
    let literal = |text: &str| value(text.replace("${", "$${"));
    let mut table = Table::new();
    table.insert("url", literal(url));
    if let Some(publisher) = &args.publisher {
        table.insert("publisher", literal(publisher));
    }
    if !args.tags.is_empty() {
        let tags: Array = args
            .tags
            .iter()
            .map(|tag| tag.replace("${", "$${"))
            .collect();
        table.insert("tags", value(tags));
    }
    let mut alone = DocumentMut::new();
    let mut only = Table::new();
    only.set_implicit(true);
    only.insert(name, TomlItem::Table(table.clone()));
    alone.insert("feeds", TomlItem::Table(only));
    let lines = alone.to_string();
    let after = match document.get_mut("feeds") {
        // At the very end: toml_edit would put it before a comment that the file ends with.
        None if text.trim().is_empty() => lines.clone(),
        None => format!("{}\n\n{lines}", text.trim_end()),
        Some(feeds) => {
            let Some(feeds) = feeds.as_table_mut() else {
                bail!("its feeds are written as one inline table: write [feeds.NAME] tables");
            };
            table.decor_mut().set_prefix("\n");
            feeds.insert(name, TomlItem::Table(table));
            document.to_string()
        }
    };
    Ok((after, lines))
}

/// Writes the file, whole or not at all, and takes it back where the configuration with it is not good.
fn write(file: &Path, before: &str, after: &str, globals: &Globals) -> anyhow::Result<()> {
    replace(file, after).with_context(|| format!("cannot write {}", file.display()))?;
    if let Err(error) = load(globals) {
        replace(file, before).with_context(|| format!("cannot restore {}", file.display()))?;
        return Err(error.context(format!("{} is as it was", file.display())));
    }
    Ok(())
}

/// Puts a new file in the place of the old one, with its permissions.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    // Behind a symbolic link stands the file that is meant.
    let real = std::fs::canonicalize(file)?;
    let beside = real.with_extension("toml.new");
    let mut new = std::fs::File::create(&beside)?;
    let done = new
        .set_permissions(std::fs::metadata(&real)?.permissions())
        .and_then(|()| new.write_all(text.as_bytes()))
        .and_then(|()| new.sync_all())
        .and_then(|()| std::fs::rename(&beside, &real));
    if done.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    done
}

fn report(
    args: &AddArgs,
    found: &Found,
    name: &str,
    file: &Path,
    lines: &str,
) -> anyhow::Result<()> {
    let parsed = &found.parsed;
    let newest = parsed.items.iter().filter_map(|item| item.published).max();
    if args.json {
        let document = serde_json::json!({
            "name": name, "url": found.url, "title": parsed.title, "lang": parsed.lang,
            "items": parsed.items.len(), "newest": newest.map(rfc3339), "others": found.others,
            "file": file.display().to_string(), "written": !args.dry_run,
        });
        return print(format!("{document}\n").as_bytes());
    }
    let mut about = vec![show::count(parsed.items.len() as u64, "item", "items")];
    about.extend(newest.map(|newest| format!("newest {}", show::age(Clock::System.now(), newest))));
    about.extend(parsed.lang.iter().map(|lang| format!("in {lang}")));
    if parsed.is_partial {
        about.push("the document breaks off".to_owned());
    }
    let title = match parsed.title.is_empty() {
        true => name,
        false => &parsed.title,
    };
    tell(&show::safe(&format!(
        "found {}: {}",
        title,
        about.join(", ")
    )));
    for other in &found.others {
        tell(&show::safe(&format!("not taken: {other}")));
    }
    print(lines.as_bytes())?;
    tell(&match args.dry_run {
        true => format!("would be added to {}", file.display()),
        false => format!(
            "added to {}; SIGHUP (`systemctl reload wirewatch`) takes it over",
            file.display()
        ),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(tags: &[&str]) -> AddArgs {
        AddArgs {
            url: String::new(),
            name: None,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            publisher: None,
            file: None,
            dry_run: false,
            json: false,
        }
    }

    #[test]
    fn a_feed_stands_behind_the_others_and_all_else_stays() {
        let new = "\n[feeds.coast]\nurl = \"https://coast.example/?a=$${b}\"\ntags = [\"wire\"]\n";
        for (before, after) in [
            (String::new(), new.trim_start().to_owned()),
            ("# Feeds.\n".to_owned(), format!("# Feeds.\n{new}")),
            (
                "[feeds.a] # first\nurl  = 'https://a.example/'\n\n# The rules.\n[rules.x]\nany = [\"y\"]\n".to_owned(),
                format!("[feeds.a] # first\nurl  = 'https://a.example/'\n{new}\n# The rules.\n[rules.x]\nany = [\"y\"]\n"),
            ),
        ] {
            let (text, lines) = with_feed(&before, "coast", "https://coast.example/?a=${b}", &args(&["wire"])).unwrap();
            assert_eq!(text, after);
            assert_eq!(lines, new.trim_start());
        }
        let inline = "feeds = { a = { url = 'https://a.example/' } }\n";
        assert!(with_feed(inline, "coast", "https://coast.example/", &args(&[])).is_err());
    }

    #[test]
    fn an_address_is_known_however_it_is_written() {
        for (one, other, is_same) in [
            (
                "https://www.coast.example/rss/",
                "http://COAST.example/rss",
                true,
            ),
            (
                "https://coast.example/rss#top",
                "https://coast.example/rss",
                true,
            ),
            (
                "https://coast.example/rss?a=1",
                "https://coast.example/rss",
                false,
            ),
            (
                "https://coast.example/RSS",
                "https://coast.example/rss",
                false,
            ),
        ] {
            assert_eq!(
                comparable(one) == comparable(other),
                is_same,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn what_people_leave_out_is_put_in() {
        assert_eq!(
            address("coast.example/news").unwrap(),
            "https://coast.example/news"
        );
        assert_eq!(
            address("feed://coast.example/rss").unwrap(),
            "https://coast.example/rss"
        );
        for bad in [
            "",
            "ftp://coast.example",
            "file:///etc/passwd",
            "https://",
            "coast example",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
