//! `[feeds.NAME]`.

use std::{collections::HashMap, sync::Arc};

use super::{
    checked::{Checked, Named, Written},
    include::Files,
    problem::Finding,
    settings::{complain_in, limits, place},
    value::{feed_url, is_private},
};
use crate::{
    model::{Feed, PollLimits},
    story::publisher_of,
};

/// All feeds of all files, in the order of the files.
pub fn feeds(
    named: &[Named<'_>],
    defaults: &PollLimits,
    allow_private: bool,
    files: &Files,
    findings: &mut Vec<Finding>,
) -> Vec<Arc<Feed>> {
    let mut by_url: HashMap<&str, &Written> = HashMap::with_capacity(named.len());
    let mut feeds = Vec::with_capacity(named.len());
    // The limits of the feed before.
    let mut shared = Arc::new(defaults.clone());
    for (name, table) in named {
        let limits = limits(table, defaults, findings);
        if limits != *shared {
            shared = Arc::new(limits);
        }
        let Some(url) = table.written("url") else {
            continue;
        };
        let parsed = match feed_url(&url.text) {
            Ok(parsed) => parsed,
            Err(complaint) => {
                findings.extend(complain_in(files, url, complaint));
                continue;
            }
        };
        if !allow_private && parsed.scheme() != "file" && is_private(&parsed) {
            let finding = Finding::warning(
                url.spot,
                "the feed stands on a private address: every poll will be refused",
            );
            findings.push(finding.help("set allow_private = true under `[poll]`"));
        }
        if let Some(other) = by_url.insert(&url.text, name) {
            let finding = Finding::warning(
                url.spot,
                format!("the feed `{}` has the same address", other.text),
            );
            findings.push(finding.help("each of its items will be told twice"));
        }
        let publisher = match table.text("publisher") {
            Some(publisher) => publisher.trim().to_lowercase(),
            None => publisher_of(&url.text),
        };
        feeds.push(Arc::new(Feed {
            name: name.text.clone(),
            url: url.text.clone(),
            publisher,
            tags: table.words("tags"),
            lang: table.text("lang").map(str::to_owned),
            poll: shared.clone(),
        }));
    }
    feeds
}

/// Tables of one kind by name, from all files; a name that comes twice is a problem, and its first table counts.
pub fn by_name<'a>(
    tables: &'a [Checked],
    section: &str,
    one: &str,
    files: &Files,
    findings: &mut Vec<Finding>,
) -> Vec<Named<'a>> {
    let mut known: HashMap<&'a str, &'a Checked> = HashMap::new();
    let mut named = Vec::new();
    for (name, table) in tables.iter().flat_map(|file| file.named(section)) {
        match known.get(name.text.as_str()) {
            Some(first) => {
                let finding = Finding::error(
                    name.spot,
                    format!(
                        "{one} `{}` is already in {}",
                        name.text,
                        place(files, first)
                    ),
                );
                findings.push(finding.help("names are unique over all files"));
            }
            None => {
                known.insert(&name.text, table);
                named.push((name, table));
            }
        }
    }
    named
}
