//! `[rules] watch = true`: says when a file of the configuration was saved.
//!
//! The folders are watched, not the files: editors save by writing a new file and renaming it over the old one. What was
//! saved is not looked at here; the whole configuration is read and checked anew, exactly as on SIGHUP. A save that cannot
//! be seen (the system refuses the watch) is told, and SIGHUP works as ever.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify_debouncer_full::{
    DebounceEventResult, DebouncedEvent, Debouncer, RecommendedCache, new_debouncer,
    notify::{EventKind, RecommendedWatcher, RecursiveMode},
};
use tokio::sync::Notify;

use crate::config::{Config, Environment};

/// One save makes several events, and who saves several files at once means one change.
const SETTLED_AFTER: Duration = Duration::from_millis(500);

/// The folders that are watched now, if any.
#[derive(Debug, Default)]
pub struct SavedFiles {
    /// Rung when something was saved.
    saved: Arc<Notify>,
    watched: Watched,
    /// Watches for as long as it is held.
    watcher: Option<Debouncer<RecommendedWatcher, RecommendedCache>>,
}

/// What the files of a configuration are called and where they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Watched {
    folders: BTreeSet<PathBuf>,
    names: BTreeSet<OsString>,
}

impl SavedFiles {
    /// Watches the files of this configuration from here on, or none where it does not want that.
    pub fn follow(&mut self, config: &Config, environment: &Environment) {
        let watched = match config.watch {
            true => Watched::of(config.files.iter().map(|file| environment.resolve(file))),
            false => Watched::default(),
        };
        if watched == self.watched {
            return;
        }
        self.watcher = match watched.folders.is_empty() {
            true => None,
            false => watch(&watched, self.saved.clone())
                .inspect_err(|error| {
                    tracing::warn!(%error, "saved files cannot be watched; SIGHUP reloads as ever");
                })
                .ok(),
        };
        self.watched = watched;
    }

    /// Waits until something was saved.
    pub async fn changed(&self) {
        self.saved.notified().await;
    }
}

fn watch(
    watched: &Watched,
    saved: Arc<Notify>,
) -> notify::Result<Debouncer<RecommendedWatcher, RecommendedCache>> {
    let names = watched.names.clone();
    let mut watcher = new_debouncer(SETTLED_AFTER, None, move |events: DebounceEventResult| {
        // An error of the watcher means that events may be missing: better one reload too many.
        let is_saved = events.map_or(true, |events| {
            events.iter().any(|event| is_save(event, &names))
        });
        if is_saved {
            saved.notify_one();
        }
    })?;
    for folder in &watched.folders {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

impl Watched {
    /// Where each file stands and, where it is a link, where it leads to.
    fn of(files: impl Iterator<Item = PathBuf>) -> Watched {
        let mut watched = Watched::default();
        for file in files {
            let real = file.canonicalize().ok();
            for path in [Some(file), real].into_iter().flatten() {
                watched.folders.extend(path.parent().map(|folder| {
                    match folder.as_os_str().is_empty() {
                        true => PathBuf::from("."),
                        false => folder.to_owned(),
                    }
                }));
                watched.names.extend(path.file_name().map(OsStr::to_owned));
            }
        }
        watched
    }
}

/// Whether a file was changed that a configuration may be made of, not merely read: we read them ourselves.
fn is_save(event: &DebouncedEvent, names: &BTreeSet<OsString>) -> bool {
    !matches!(event.kind, EventKind::Access(_))
        && (event.need_rescan() || event.paths.iter().any(|path| may_be_ours(path, names)))
}

/// A file of the configuration, or one that an `include` may lead to once it is there. An editor's hidden drafts are neither.
fn may_be_ours(path: &Path, names: &BTreeSet<OsString>) -> bool {
    let Some(name) = path.file_name() else {
        return false;
    };
    let is_hidden = name.as_encoded_bytes().starts_with(b".");
    // Kubernetes swaps all files of a volume by renaming this link.
    names.contains(name)
        || name == "..data"
        || (!is_hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "toml"))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use notify_debouncer_full::notify::{
        Event,
        event::{AccessKind, AccessMode, CreateKind, DataChange, Flag, ModifyKind, RenameMode},
    };

    use super::*;

    #[test]
    fn a_save_is_told_from_a_read_and_from_other_files() {
        let names = BTreeSet::from([
            OsString::from("wirewatch.toml"),
            OsString::from("words.conf"),
        ]);
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::Both));
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let created = EventKind::Create(CreateKind::File);
        for (kind, paths, expected) in [
            (written, &["/etc/w/wirewatch.toml"][..], true),
            (
                renamed,
                &["/etc/w/.rules.toml.swp", "/etc/w/rules.toml"],
                true,
            ),
            (created, &["/etc/w/new.toml"], true),
            (written, &["/etc/w/words.conf"], true),
            (renamed, &["/etc/w/..data_tmp", "/etc/w/..data"], true),
            (opened, &["/etc/w/wirewatch.toml"], false),
            (written, &["/etc/w/wirewatch.db-wal"], false),
            (created, &["/etc/w/.#rules.toml"], false),
            (created, &["/etc/w/rules.toml~"], false),
            (written, &[], false),
        ] {
            let paths = paths.iter().map(PathBuf::from).collect();
            let event = Event {
                paths,
                ..Event::new(kind)
            };
            let event = DebouncedEvent::new(event, Instant::now());
            assert_eq!(is_save(&event, &names), expected, "{event:?}");
        }
        let lost_some = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert!(is_save(
            &DebouncedEvent::new(lost_some, Instant::now()),
            &names
        ));
    }
}
