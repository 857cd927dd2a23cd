//! The built daemon under its service manager: what systemd hears, what signals do, what `kill -9` cannot lose.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::net::UnixDatagram as StdDatagram,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::UnixDatagram,
    process::{Child, ChildStderr, Command},
    sync::Notify,
    time::timeout,
};

use crate::net::server::{Answer, Seen, Server};

/// Longer than anything here takes on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// A news site and a hook on one loopback server.
struct Site {
    server: Server,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    titles: Mutex<Vec<String>>,
    /// What the hook took: title, webhook-id, whether it said so.
    taken: Mutex<Vec<(String, String, bool)>>,
    requests: AtomicUsize,
    /// Rung at each request.
    asked: Notify,
    /// The hook drops one of four and refuses another.
    is_hook_moody: bool,
}

impl Site {
    async fn start(is_hook_moody: bool) -> Site {
        let state = Arc::new(State {
            is_hook_moody,
            ..State::default()
        });
        let served = state.clone();
        let server = Server::start(move |seen| served.answer(seen)).await;
        Site { server, state }
    }

    fn publish(&self, title: &str) {
        self.state.titles.lock().unwrap().push(title.to_owned());
    }

    fn taken(&self) -> Vec<(String, String, bool)> {
        self.state.taken.lock().unwrap().clone()
    }

    /// Waits until the world is as wanted, looking at every request.
    async fn until(&self, what: &str, is_so: impl Fn(&Site) -> bool) {
        let look = async {
            loop {
                let asked = self.state.asked.notified();
                if is_so(self) {
                    return;
                }
                asked.await;
            }
        };
        timeout(PATIENCE, look).await.unwrap_or_else(|_| {
            panic!(
                "waited in vain for {what}; the hook took {} and said so of {}",
                self.taken().len(),
                self.taken().iter().filter(|taken| taken.2).count()
            )
        });
    }
}

impl State {
    fn answer(&self, seen: &Seen) -> Answer {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = match seen.path() {
            "/feed" => {
                let item = |title: &String| {
                    format!(
                        "<item><title>{title}</title><guid isPermaLink=\"false\">{title}</guid></item>"
                    )
                };
                let items: String = self.titles.lock().unwrap().iter().map(item).collect();
                Answer::ok(&format!(
                    "<rss version=\"2.0\"><channel><title>site</title>{items}</channel></rss>"
                ))
            }
            _ => self.take(seen, number),
        };
        self.asked.notify_waiters();
        answer
    }

    fn take(&self, seen: &Seen, number: usize) -> Answer {
        if self.is_hook_moody && number.is_multiple_of(4) {
            return Answer::text("HTTP/1.1 503 Busy\ncontent-length: 0\n\n");
        }
        let is_answered = !(self.is_hook_moody && number % 4 == 1);
        let alert: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
        let id = String::from_utf8(seen.all("webhook-id")[0].to_vec()).unwrap();
        let title = alert["item"]["title"].as_str().unwrap().to_owned();
        self.taken.lock().unwrap().push((title, id, is_answered));
        match is_answered {
            true => Answer::ok(""),
            false => Answer::Reset(Vec::new()),
        }
    }
}

/// A folder with a configuration, and the daemon in it.
struct Desk {
    folder: TempDir,
    notify: UnixDatagram,
}

struct Daemon {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Desk {
    fn new(site: &Site, word: &str) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let socket = StdDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        let desk = Desk {
            notify: UnixDatagram::from_std(socket).unwrap(),
            folder,
        };
        desk.write("rules.toml", &rules(word));
        desk.write(
            "wirewatch.toml",
            &format!(
                r#"include = ["rules.toml"]
[store]
url = "sqlite:w.db"
[poll]
interval = "100ms"
allow_private = true
[feeds.site]
url = "{}"
[receivers.hook]
type = "webhook"
url = "{}"
allow_private = true
"#,
                site.server.url("/feed"),
                site.server.url("/hook")
            ),
        );
        desk
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn start(&self) -> Daemon {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wirewatch"))
            .args(["-c", "wirewatch.toml", "--log-format", "logfmt", "run"])
            .current_dir(self.path())
            .env("NOTIFY_SOCKET", self.path().join("notify"))
            .env_remove("STATE_DIRECTORY")
            .env_remove("WIREWATCH_LOG")
            .env_remove("WATCHDOG_USEC")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Daemon { child, log }
    }

    /// What systemd is told next that holds this word.
    async fn hears(&self, word: &str) -> String {
        let listen = async {
            let mut datagram = [0; 4096];
            loop {
                let length = self.notify.recv(&mut datagram).await.unwrap();
                let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
                if text.contains(word) {
                    return text;
                }
            }
        };
        timeout(PATIENCE, listen)
            .await
            .unwrap_or_else(|_| panic!("systemd never heard {word}"))
    }
}

impl Daemon {
    fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(
            std::process::Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    async fn ends(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait())
            .await
            .expect("the daemon ends")
            .unwrap()
    }

    /// The next line of the log that holds these words.
    async fn says(&mut self, words: &str) -> String {
        let mut said = Vec::new();
        let listen = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                if line.contains(words) {
                    return Some(line);
                }
                said.push(line);
            }
            None
        };
        let line = timeout(PATIENCE, listen).await.ok().flatten();
        line.unwrap_or_else(|| panic!("never said {words:?} but:\n{}", said.join("\n")))
    }
}

fn rules(word: &str) -> String {
    format!(
        "[rules.watch]\ntitle = \"Seen\"\nseverity = \"high\"\nper = \"item\"\nany = [\"{word}\"]\n"
    )
}

fn has(site: &Site, title: &str) -> bool {
    site.taken().iter().any(|(taken, ..)| taken == title)
}

#[tokio::test]
async fn it_is_ready_delivers_and_ends_on_sigterm() {
    let site = Site::start(false).await;
    let desk = Desk::new(&site, "signal");
    let mut daemon = desk.start();
    desk.hears("READY=1").await;
    site.publish("A signal at sea");
    site.until("the alert", |site| has(site, "A signal at sea"))
        .await;
    daemon.says("event=alert").await;
    daemon.signal("-TERM");
    desk.hears("STOPPING=1").await;
    assert_eq!(daemon.ends().await.code(), Some(0));
}

#[tokio::test]
async fn sighup_takes_what_passes_check_and_refuses_the_rest() {
    let site = Site::start(false).await;
    let desk = Desk::new(&site, "signal");
    let mut daemon = desk.start();
    desk.hears("READY=1").await;

    desk.write(
        "rules.toml",
        "[rules.watch]\ntitle = \"Seen\"\nany = [\"(beacon\"]\n",
    );
    daemon.signal("-HUP");
    let reloading = desk.hears("RELOADING=1").await;
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    desk.hears("READY=1").await;
    let said = daemon.says("rules.toml:3:").await;
    assert!(said.contains("level=error"), "{said}");
    daemon.says("the old one stays live").await;
    site.publish("A signal at sea");
    site.until("an alert by the old rules", |site| {
        has(site, "A signal at sea")
    })
    .await;

    desk.write("rules.toml", &rules("beacon"));
    daemon.signal("-HUP");
    desk.hears("RELOADING=1").await;
    desk.hears("READY=1").await;
    site.publish("A beacon on the hill");
    site.until("an alert by the new rules", |site| {
        has(site, "A beacon on the hill")
    })
    .await;
    daemon.signal("-INT");
    assert_eq!(daemon.ends().await.code(), Some(0));
}

#[tokio::test]
async fn a_saved_file_is_taken_over_without_a_signal() {
    let site = Site::start(false).await;
    let desk = Desk::new(&site, "signal");
    let main = std::fs::read_to_string(desk.path().join("wirewatch.toml")).unwrap();
    desk.write("wirewatch.toml", &format!("{main}[rules]\nwatch = true\n"));
    let mut daemon = desk.start();
    desk.hears("READY=1").await;

    desk.write("rules.toml", &rules("beacon"));
    desk.hears("RELOADING=1").await;
    desk.hears("READY=1").await;
    site.publish("A beacon on the hill");
    site.until("an alert by the new rules", |site| {
        has(site, "A beacon on the hill")
    })
    .await;

    // As editors save: a new file takes the place of the old one. This one is bad and is not taken.
    desk.write(
        "rules.toml~",
        "[rules.watch]\ntitle = \"Seen\"\nany = [\"(flare\"]\n",
    );
    std::fs::rename(
        desk.path().join("rules.toml~"),
        desk.path().join("rules.toml"),
    )
    .unwrap();
    let said = daemon.says("rules.toml:3:").await;
    assert!(said.contains("level=error"), "{said}");
    daemon.says("the old one stays live").await;
    site.publish("A second beacon");
    site.until("an alert by the old rules", |site| {
        has(site, "A second beacon")
    })
    .await;

    // The store stands in the same folder and was written all the time: that is no save.
    daemon.signal("-TERM");
    assert_eq!(daemon.ends().await.code(), Some(0));
    while let Some(line) = daemon.log.next_line().await.unwrap() {
        assert!(!line.contains("was saved"), "{line}");
    }
}

#[tokio::test]
async fn forty_kills_lose_no_alert() {
    let site = Site::start(true).await;
    let desk = Desk::new(&site, "signal");
    let mut published = BTreeSet::new();
    let mut daemon = desk.start();
    desk.hears("READY=1").await;
    for kill in 0..40_usize {
        for part in 0..3 {
            let title = format!("Signal {kill} of part {part}");
            site.publish(&title);
            published.insert(title);
        }
        // At another request each time: while a feed is read, while an alert is on its way, while an answer is.
        let at = site.state.requests.load(Ordering::Relaxed) + 1 + kill * 7 % 11;
        site.until("requests", |site| {
            site.state.requests.load(Ordering::Relaxed) >= at
        })
        .await;
        daemon.signal("-KILL");
        daemon.ends().await;
        daemon = desk.start();
    }
    let all_confirmed = |site: &Site| {
        let confirmed: BTreeSet<String> = site
            .taken()
            .into_iter()
            .filter(|(.., is_answered)| *is_answered)
            .map(|(title, ..)| title)
            .collect();
        confirmed == published
    };
    site.until("every alert", all_confirmed).await;
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (title, id, _) in site.taken() {
        ids.entry(title).or_default().insert(id);
    }
    assert!(
        ids.values().all(|ids| ids.len() == 1),
        "repeats carry the same id: {ids:?}"
    );
    daemon.signal("-TERM");
    assert_eq!(daemon.ends().await.code(), Some(0));
}

#[tokio::test]
async fn what_cannot_start_says_why_and_exits_so() {
    let site = Site::start(false).await;
    let desk = Desk::new(&site, "signal");
    let mut first = desk.start();
    desk.hears("READY=1").await;
    let mut second = desk.start();
    second.says("in use by another wirewatch").await;
    assert_eq!(second.ends().await.code(), Some(1));
    first.signal("-TERM");
    first.ends().await;

    std::fs::write(desk.path().join("w.db"), vec![7; 8192]).unwrap();
    let mut damaged = desk.start();
    damaged.says("is damaged").await;
    assert_eq!(damaged.ends().await.code(), Some(1));

    desk.write(
        "rules.toml",
        "[rules.watch]\ntitel = \"Seen\"\nany = [\"x\"]\n",
    );
    let mut misspelt = desk.start();
    misspelt.says("rules.toml:2:1: error").await;
    assert_eq!(misspelt.ends().await.code(), Some(2));
}
