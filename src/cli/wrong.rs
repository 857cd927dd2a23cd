//! `wrong`: a person calls an alert a false positive; the headline becomes a test of its rule.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use toml_edit::{Array, DocumentMut, Item, Value};

use super::{Globals, show};
use crate::{
    store::{Marked, Store},
    time::Clock,
};

/// Mark an alert as a false positive, and show the line that keeps its rule from matching it again
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wirewatch wrong 0197a0c2\n  wirewatch wrong 0197a0c2 --write && wirewatch check"
)]
pub struct Args {
    /// The alert's id, or the beginning of it
    id: String,
    /// Add the headline to `ignore` of the rule, in the file where the rule stands
    #[arg(long)]
    write: bool,
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let (settings, files) = super::load_store(globals)?;
    let doing = || format!("cannot mark {}", args.id);
    let store = Store::open_beside(&settings.path).with_context(doing)?;
    let marked = super::runtime()?
        .block_on(store.mark_wrong(args.id.clone(), Clock::System.now()))
        .with_context(doing)?;
    let alert = match marked {
        Marked::Wrong(alert) => alert,
        Marked::Unknown => bail!(
            "there is no alert {}: `wirewatch alerts --json` shows their ids",
            args.id
        ),
        Marked::Ambiguous(ids) => bail!(
            "several alerts begin with {}: {}, …",
            args.id,
            ids.join(", ")
        ),
    };
    let headline = show::safe(&alert.item.title).into_owned();
    let mut out = format!(
        "marked {} as a false positive of {}\n",
        alert.id,
        show::safe(&alert.rule)
    );
    let place = find(&files, &alert.rule)?;
    let line = format!("ignore = [{}]", Value::from(headline.as_str()));
    match (args.write, place) {
        (_, None) => {
            out += &format!(
                "no file of the configuration has the rule {}; nothing to add to\n",
                show::safe(&alert.rule)
            );
        }
        (false, Some((path, _))) => {
            out += &format!(
                "add to [rules.{}] in {}, or let --write do it:\n{line}\n",
                show::safe(&alert.rule),
                path.display()
            );
        }
        (true, Some((path, mut document))) => match add(&mut document, &alert.rule, &headline)? {
            true => {
                replace(&path, &document.to_string())
                    .with_context(|| format!("cannot write {}", path.display()))?;
                out += &format!(
                    "added to `ignore` of [rules.{}] in {}; now change the rule until `wirewatch check` passes: until then a running daemon keeps the configuration it has, and none starts\n",
                    show::safe(&alert.rule),
                    path.display()
                );
            }
            false => out += &format!("{} has it already\n", path.display()),
        },
    }
    super::print(out.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The file in which the rule stands.
fn find(files: &[PathBuf], rule: &str) -> anyhow::Result<Option<(PathBuf, DocumentMut)>> {
    for path in files {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        // Files with a byte order mark or other oddities that the configuration takes are left to their authors.
        let Ok(document) = text.parse::<DocumentMut>() else {
            continue;
        };
        let has_rule = document
            .get("rules")
            .and_then(|rules| rules.get(rule))
            .is_some_and(Item::is_table_like);
        if has_rule {
            return Ok(Some((path.clone(), document)));
        }
    }
    Ok(None)
}

/// Adds the headline to the rule's `ignore` as its neighbours are written; whether it was not there before.
fn add(document: &mut DocumentMut, rule: &str, headline: &str) -> anyhow::Result<bool> {
    let table = document
        .get_mut("rules")
        .and_then(|rules| rules.get_mut(rule))
        .and_then(Item::as_table_like_mut)
        .context("the rule is no table")?;
    let ignore = table
        .entry("ignore")
        .or_insert_with(|| Item::Value(Value::Array(Array::new())));
    let ignore = ignore.as_array_mut().context("`ignore` is no list")?;
    if ignore.iter().any(|known| known.as_str() == Some(headline)) {
        return Ok(false);
    }
    let mut value = Value::from(headline);
    let before = ignore
        .iter()
        .last()
        .and_then(|last| last.decor().prefix()?.as_str());
    match before {
        // One a line: the next one gets a line as well, indented alike, without its neighbour's comment.
        Some(prefix) if prefix.contains('\n') => {
            let indent = prefix.rsplit('\n').next().unwrap_or_default().to_owned();
            value.decor_mut().set_prefix(format!("\n{indent}"));
            ignore.push_formatted(value);
        }
        Some(_) => {
            value.decor_mut().set_prefix(" ");
            ignore.push_formatted(value);
        }
        None => ignore.push_formatted(value),
    }
    Ok(true)
}

/// Replaces the file in one step, so that a daemon that watches it never reads half of it.
fn replace(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    let path = fs::canonicalize(path)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    fs::write(&beside, text)?;
    fs::set_permissions(&beside, fs::metadata(&path)?.permissions())?;
    fs::rename(&beside, &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headline_is_added_and_all_else_stays() {
        for (before, after) in [
            (
                "# Ours.\n[rules.a]   # the first\nany = [\"x\"] # why\n\n[rules.b]\nany = [\"y\"]\n",
                "# Ours.\n[rules.a]   # the first\nany = [\"x\"] # why\nignore = [\"A \\\"b\\\"\"]\n\n[rules.b]\nany = [\"y\"]\n",
            ),
            (
                "[rules.a]\nignore = [\"one\", \"two\"]\nany = [\"x\"]\n",
                "[rules.a]\nignore = [\"one\", \"two\", \"A \\\"b\\\"\"]\nany = [\"x\"]\n",
            ),
            (
                "[rules.a]\nignore = [\n  # film\n  \"one\",\n  \"two\", # end\n]\n",
                "[rules.a]\nignore = [\n  # film\n  \"one\",\n  \"two\",\n  \"A \\\"b\\\"\", # end\n]\n",
            ),
        ] {
            let mut document: DocumentMut = before.parse().unwrap();
            assert!(add(&mut document, "a", "A \"b\"").unwrap());
            let written = document.to_string();
            let value: toml::Table = written.parse().unwrap();
            let added = value["rules"]["a"]["ignore"].as_array().unwrap();
            assert_eq!(added.last().unwrap().as_str(), Some("A \"b\""));
            // How the headline is quoted is the writer's choice.
            assert_eq!(written.replace("'A \"b\"'", "\"A \\\"b\\\"\""), after);
            assert!(
                !add(&mut document, "a", "A \"b\"").unwrap(),
                "once is enough"
            );
        }
    }
}
