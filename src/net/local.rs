//! This machine: lines for standard output, lines for the end of a file, and `file:` feeds.
//!
//! All of it may block (a full pipe, a slow disk, a mount that hangs), so it runs on tokio's blocking threads, one at a
//! time for each destination: a stuck one holds one thread, delays no other, and its callers get an answer in time.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use tokio::sync::Semaphore;

use super::words::root_cause;
use crate::envelope::{HeaderText, NetError, Request, Response};

/// For one line, its flush to disk included.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Destinations with the turn-taking of each. As many as the configuration has receivers.
#[derive(Debug, Default)]
pub struct Local {
    turns: Mutex<HashMap<Option<PathBuf>, Arc<Semaphore>>>,
}

impl Local {
    /// Writes a line to standard output and flushes it.
    pub async fn print(&self, line: String) -> Result<(), NetError> {
        self.in_turn(None, "writing to standard output", WRITE_MAX, move || {
            let mut stdout = io::stdout().lock();
            write_line(&mut stdout, line, false)
                .and_then(|()| stdout.flush())
                .map_err(|error| local("cannot write to standard output", &error))
        })
        .await
    }

    /// Writes a line to the end of a file and waits until the disk has it.
    pub async fn append(&self, path: PathBuf, line: String) -> Result<(), NetError> {
        let turn = Some(path.clone());
        self.in_turn(turn, "writing to the file", WRITE_MAX, move || {
            append(&path, line)
                .map_err(|error| local(&format!("cannot write to {}", path.display()), &error))
        })
        .await
    }

    /// Puts a whole file in the place of another: whoever reads meanwhile reads the old one to its end.
    pub async fn replace(&self, path: PathBuf, text: String) -> Result<(), NetError> {
        let turn = Some(path.clone());
        self.in_turn(turn, "writing the file", WRITE_MAX, move || {
            replace(&path, &text)
                .map_err(|error| local(&format!("cannot write {}", path.display()), &error))
        })
        .await
    }

    /// Answers a GET for a `file:` address as a server would: 200 with an ETag of time and size, or 304.
    pub async fn read(&self, request: Request) -> Result<Response, NetError> {
        let path = url::Url::parse(&request.url)
            .ok()
            .and_then(|url| url.to_file_path().ok())
            .ok_or_else(|| {
                NetError::Unsendable(
                    "not the address of a local file: write file:///and/the/full/path".to_owned(),
                )
            })?;
        let turn = Some(path.clone());
        let total = request.limits.total;
        self.in_turn(turn, "reading the file", total, move || {
            read(&path, &request)
        })
        .await
    }

    /// Runs `work` on a blocking thread when the destination's last one is through, both within `limit`.
    async fn in_turn<T: Send + 'static>(
        &self,
        destination: Option<PathBuf>,
        doing: &'static str,
        limit: Duration,
        work: impl FnOnce() -> Result<T, NetError> + Send + 'static,
    ) -> Result<T, NetError> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = turns
                .entry(destination)
                .or_insert_with(|| Arc::new(Semaphore::new(1)));
            Arc::clone(turn)
        };
        let run = async {
            let permit = turn
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            // The permit goes with the work: when the caller's patience ends, the destination stays taken until the work does.
            tokio::task::spawn_blocking(move || {
                let _permit = permit;
                work()
            })
            .await
            .unwrap_or_else(|error| Err(NetError::Local(format!("{doing} failed: {error}"))))
        };
        match tokio::time::timeout(limit, run).await {
            Ok(result) => result,
            Err(_) => Err(NetError::TimedOut {
                doing,
                after: limit,
            }),
        }
    }
}

fn append(path: &Path, line: String) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(path)?;
    // Pipes and devices have no end to look at and no disk to flush.
    let is_file = file.metadata()?.is_file();
    let is_torn = is_file && !ends_with_line_break(&mut file)?;
    let is_new = is_file && file.metadata()?.len() == 0;
    write_line(&mut file, line, is_torn)?;
    if is_file {
        file.sync_data()?;
    }
    if is_new {
        // The name of a new file is on disk only when its folder is.
        let folder = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// A crash or a full disk may have left half a line; the next one must not continue it. An empty file has nothing torn.
fn ends_with_line_break(file: &mut fs::File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// One write, so that lines of several writers do not mix.
fn write_line(out: &mut impl Write, line: String, on_new_line: bool) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(line.len() + 2);
    if on_new_line {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
    out.write_all(&bytes)
}

fn read(path: &Path, request: &Request) -> Result<Response, NetError> {
    let cannot = |error: io::Error| local(&format!("cannot read {}", path.display()), &error);
    let metadata = fs::metadata(path).map_err(cannot)?;
    // Opening a pipe would wait for its writer.
    if !metadata.is_file() {
        return Err(NetError::Local(format!("{} is not a file", path.display())));
    }
    let changed = metadata
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let etag = format!(
        "\"{:x}-{:x}\"",
        changed.unwrap_or_default().as_nanos(),
        metadata.len()
    )
    .into_bytes();
    let is_known = request.headers.iter().any(|(name, value)| {
        name == "if-none-match" && matches!(value, HeaderText::Plain(known) if *known == etag)
    });
    let mut response = Response {
        status: if is_known { 304 } else { 200 },
        headers: vec![("etag".to_owned(), etag)],
        url: request.url.clone(),
        ..Response::default()
    };
    if !is_known {
        let bytes_max = request.limits.body_bytes_max;
        fs::File::open(path)
            .and_then(|file| {
                file.take(bytes_max as u64 + 1)
                    .read_to_end(&mut response.body)
            })
            .map_err(cannot)?;
        if response.body.len() > bytes_max {
            return Err(NetError::TooLarge { bytes_max });
        }
    }
    Ok(response)
}

fn local(what: &str, error: &io::Error) -> NetError {
    NetError::Local(format!("{what}: {}", root_cause(error)))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A pipe whose reader has gone, as under `wirewatch run | head`.
    struct ClosedPipe;

    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_line() {
        for (line, on_new_line, expected) in [
            ("one", false, "one\n"),
            ("", false, "\n"),
            ("one", true, "\none\n"),
        ] {
            let mut out = Vec::new();
            write_line(&mut out, line.to_owned(), on_new_line).unwrap();
            assert_eq!(out, expected.as_bytes());
        }
        let error = write_line(&mut ClosedPipe, "lost".to_owned(), false).unwrap_err();
        assert_eq!(
            local("cannot write to standard output", &error),
            NetError::Local("cannot write to standard output: broken pipe".to_owned())
        );
    }

    #[tokio::test]
    async fn a_stuck_destination_holds_one_thread_and_delays_no_other() {
        let local = Local::default();
        let stuck = || Some(PathBuf::from("/stuck"));
        let (release, until_released) = mpsc::channel::<()>();
        let limit = Duration::from_millis(50);
        let doing = "waiting";
        let first = local.in_turn(stuck(), doing, limit, move || {
            until_released.recv().expect("released below");
            Ok(())
        });
        let timed_out = Err(NetError::TimedOut {
            doing,
            after: limit,
        });
        assert_eq!(first.await, timed_out);
        let second = local.in_turn(stuck(), doing, limit, || -> Result<(), NetError> {
            panic!("must not start while the first holds the turn")
        });
        assert_eq!(second.await, timed_out);
        let other = Some(PathBuf::from("/other"));
        assert_eq!(
            local.in_turn(other, doing, WRITE_MAX, || Ok(1)).await,
            Ok(1)
        );
        release.send(()).unwrap();
        assert_eq!(
            local.in_turn(stuck(), doing, WRITE_MAX, || Ok(2)).await,
            Ok(2)
        );
    }
}
