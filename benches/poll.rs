//! What polling costs: `cargo bench --bench poll`. The built daemon polls generated feeds of a server on loopback, and a bare
//! loop of reqwest and feed-rs polls the same ones, in turns; both are measured by their processor time, which repeats on a
//! busy machine where wall time does not. `WIREWATCH_BENCH_FEEDS=10000` sets how many feeds.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

const ROUNDS: usize = 5;
/// Feeds in flight at once, on both sides.
const CONCURRENCY: usize = 64;
const ITEMS: usize = 30;
const RULES: usize = 1000;
/// Linux counts processor time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, port, feeds] = arguments.as_slice()
        && role == "bare"
    {
        return bare(port, feeds.parse().expect("a number of feeds"));
    }
    let feeds = std::env::var("WIREWATCH_BENCH_FEEDS")
        .ok()
        .and_then(|feeds| feeds.parse().ok())
        .unwrap_or(1000);
    println!("{feeds} feeds of {ITEMS} items, {RULES} rules, median of {ROUNDS}; CPU seconds\n");
    println!("{:<34} {:>9} {:>9} {:>6}", "", "wirewatch", "bare", "ratio");
    for is_kept in [false, true] {
        let site = Site::start(feeds, is_kept);
        let (mut first, mut bare_first, mut next, mut bare_next) = (vec![], vec![], vec![], vec![]);
        let mut memory = 0;
        for _ in 0..ROUNDS {
            let daemon = run_daemon(&site, feeds);
            first.push(daemon.first);
            next.push(daemon.next);
            memory = memory.max(daemon.resident_kb);
            let bare = run_bare(&site, feeds);
            bare_first.push(bare.first);
            bare_next.push(bare.next);
        }
        let connections = if is_kept {
            "kept connections"
        } else {
            "new connections"
        };
        report(&format!("first cycle, {connections}"), first, bare_first);
        report(&format!("unchanged, {connections}"), next, bare_next);
        println!(
            "{:<34} {:>6.0} MB",
            "resident after it",
            memory as f64 / 1024.0
        );
    }
}

fn report(name: &str, ours: Vec<f64>, bare: Vec<f64>) {
    let (ours, bare) = (median(ours), median(bare));
    println!("{name:<34} {ours:>9.2} {bare:>9.2} {:>6.2}", ours / bare);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Measured {
    first: f64,
    /// Of one unchanged cycle.
    next: f64,
    resident_kb: u64,
}

/// Feeds on loopback, and how many requests have been answered.
struct Site {
    port: u16,
    answered: Arc<AtomicUsize>,
}

impl Site {
    fn start(feeds: usize, is_kept: bool) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let port = listener.local_addr().expect("a bound port").port();
        let answered = Arc::new(AtomicUsize::new(0));
        // A few bodies serve all feeds; their items' ids name the feed only by its address, so every feed's are its own.
        let bodies: Arc<Vec<Vec<u8>>> = Arc::new((0..feeds.min(64)).map(body).collect());
        let counter = answered.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (bodies, counter) = (bodies.clone(), counter.clone());
                std::thread::spawn(move || serve(stream, &bodies, &counter, is_kept));
            }
        });
        Site { port, answered }
    }

    fn wait_for(&self, requests: usize) {
        let started = Instant::now();
        while self.answered.load(Ordering::Relaxed) < requests {
            assert!(
                started.elapsed() < Duration::from_secs(300),
                "the poller has stopped"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn serve(stream: TcpStream, bodies: &[Vec<u8>], answered: &AtomicUsize, is_kept: bool) {
    let Ok(mut out) = stream.try_clone() else {
        return;
    };
    let mut lines = BufReader::new(stream);
    let connection = if is_kept { "keep-alive" } else { "close" };
    loop {
        let (mut feed, mut is_known, mut line) = (0, false, String::new());
        loop {
            line.clear();
            match lines.read_line(&mut line) {
                Ok(read) if read > 0 => {}
                _ => return,
            }
            if let Some(path) = line.strip_prefix("GET /feed/") {
                feed = path
                    .split(' ')
                    .next()
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(0);
            }
            is_known |= line.starts_with("if-none-match:");
            if line == "\r\n" {
                break;
            }
        }
        let written = if is_known {
            out.write_all(
                format!("HTTP/1.1 304 Not Modified\r\netag: \"e{feed}\"\r\nconnection: {connection}\r\n\r\n").as_bytes(),
            )
        } else {
            let body = &bodies[feed % bodies.len()];
            let mut answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/rss+xml\r\ncontent-encoding: gzip\r\netag: \"e{feed}\"\r\ncontent-length: {}\r\nconnection: {connection}\r\n\r\n",
                body.len()
            )
            .into_bytes();
            answer.extend_from_slice(body);
            out.write_all(&answer)
        };
        answered.fetch_add(1, Ordering::Relaxed);
        if written.is_err() || !is_kept {
            return;
        }
    }
}

/// An RSS document of some 35 kB, compressed. It names its language, as most do: words that nobody speaks would be taken for
/// another language in each item.
fn body(number: usize) -> Vec<u8> {
    let mut words = Words(number as u64 + 1);
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><rss version=\"2.0\"><channel><title>News</title><link>https://news.example/</link><language>en</language>",
    );
    for item in 0..ITEMS {
        xml += &format!(
            "<item><title>{}</title><link>https://news.example/{number}/{item}</link><guid>{number}-{item}</guid>\
             <pubDate>Fri, 06 Dec 2024 14:{item:02}:00 GMT</pubDate><description>&lt;p&gt;{}&lt;/p&gt;</description></item>",
            words.take(9),
            words.take(140)
        );
    }
    xml += "</channel></rss>";
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(xml.as_bytes()).expect("memory takes bytes");
    gzip.finish().expect("memory takes bytes")
}

/// Words of a made-up language, the same in every run.
struct Words(u64);

impl Words {
    fn number(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 16] = [
            "ka", "lo", "mi", "ren", "sta", "tor", "ve", "zu", "bra", "del", "fo", "gan", "hi",
            "jor", "nu", "pel",
        ];
        let syllables = 2 + self.number() % 2;
        (0..syllables)
            .map(|_| SYLLABLES[(self.number() % 16) as usize])
            .collect()
    }

    fn take(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| self.word())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// A first cycle, and unchanged ones of a daemon that goes on with its store.
fn run_daemon(site: &Site, feeds: usize) -> Measured {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("wirewatch.toml");
    write_config(&config, site.port, feeds, Duration::from_secs(3600));
    site.answered.store(0, Ordering::Relaxed);
    let daemon = start_daemon(&config);
    // The first cycle ends when its items are stored and nothing is left to do.
    site.wait_for(feeds);
    let mut first = daemon.cpu();
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let now = daemon.cpu();
        if now - first < 0.02 {
            break;
        }
        first = now;
    }
    daemon.stop();
    write_config(&config, site.port, feeds, interval(feeds));
    site.answered.store(0, Ordering::Relaxed);
    let daemon = start_daemon(&config);
    site.wait_for(feeds);
    let before = (daemon.cpu(), site.answered.load(Ordering::Relaxed));
    site.wait_for(before.1 + feeds * 3);
    let after = (daemon.cpu(), site.answered.load(Ordering::Relaxed));
    Measured {
        first,
        next: (after.0 - before.0) / (after.1 - before.1) as f64 * feeds as f64,
        resident_kb: daemon.resident_kb(),
    }
}

/// Of unchanged cycles: some three hundred polls a second, as ten thousand feeds that are asked every half minute.
fn interval(feeds: usize) -> Duration {
    Duration::from_millis(3 * feeds as u64).max(Duration::from_secs(1))
}

fn start_daemon(config: &Path) -> Running {
    let daemon = Command::new(env!("CARGO_BIN_EXE_wirewatch"))
        .args(["-c", &config.to_string_lossy(), "run"])
        .env("RUST_LOG", "warn")
        .stderr(Stdio::null())
        .spawn()
        .expect("the daemon starts");
    Running(daemon)
}

fn write_config(path: &Path, port: u16, feeds: usize, interval: Duration) {
    let mut words = Words(9);
    let interval = interval.as_millis();
    let mut text = format!(
        "[store]\nurl = \"sqlite:{}\"\n[poll]\ninterval = \"{interval}ms\"\nadaptive = false\nallow_private = true\nper_host = {CONCURRENCY}\nconcurrency = {CONCURRENCY}\n\
         [receivers.file]\ntype = \"file\"\npath = \"{}\"\n",
        path.with_extension("db").display(),
        path.with_extension("jsonl").display(),
    );
    for rule in 0..RULES {
        text += &format!(
            "[rules.r{rule}]\ntitle = \"r\"\nseverity = \"low\"\nany = [\"{} NEAR/8 {}\"]\n",
            words.word() + &words.word(),
            words.word()
        );
    }
    for feed in 0..feeds {
        text += &format!("[feeds.f{feed}]\nurl = \"http://127.0.0.1:{port}/feed/{feed}\"\n");
    }
    std::fs::write(path, text).expect("the folder takes a file");
}

fn run_bare(site: &Site, feeds: usize) -> Measured {
    let this = std::env::current_exe().expect("this program's own path");
    let mut child = Command::new(this)
        .args(["bare", &site.port.to_string(), &feeds.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the bare loop starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its stdout is piped")).lines();
    let running = Running(child);
    let mut marks = vec![0.0];
    for _ in 0..4 {
        lines.next().expect("a line for each cycle").expect("text");
        marks.push(running.cpu());
    }
    Measured {
        first: marks[1],
        next: (marks[4] - marks[1]) / 3.0,
        resident_kb: running.resident_kb(),
    }
}

/// The yardstick: asks for every feed once and reads it with feed-rs, then three times with its validator.
fn bare(port: &str, feeds: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let client = reqwest::Client::builder().build().expect("a client");
        for cycle in 0..4 {
            let mut running = tokio::task::JoinSet::new();
            for feed in 0..feeds {
                if running.len() >= CONCURRENCY {
                    running.join_next().await;
                }
                let url = format!("http://127.0.0.1:{port}/feed/{feed}");
                let mut request = client.get(url).header("accept-encoding", "gzip");
                if cycle > 0 {
                    request = request.header("if-none-match", format!("\"e{feed}\""));
                }
                running.spawn(async move {
                    let answer = request.send().await.expect("an answer");
                    let packed = answer.bytes().await.expect("a body");
                    if cycle == 0 {
                        let mut body = Vec::new();
                        let mut gzip = GzDecoder::new(&packed[..]);
                        gzip.read_to_end(&mut body).expect("a whole gzip stream");
                        feed_rs::parser::parse(&body[..]).expect("a feed");
                    }
                });
            }
            while running.join_next().await.is_some() {}
            println!("{cycle}");
        }
    });
    // Its processor time is read while it lives: until whoever started it closes its input.
    let _ = std::io::stdin().read(&mut [0]);
}

struct Running(Child);

impl Running {
    /// Ends it as systemd would.
    fn stop(mut self) {
        let pid = self.0.id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill runs");
        self.0.wait().expect("the daemon ends");
    }

    fn cpu(&self) -> f64 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).expect("Linux's /proc");
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let ticks: f64 = after_name
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<f64>().ok())
            .sum();
        ticks / TICKS_PER_SECOND
    }

    fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))
            .expect("Linux's /proc");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().split(' ').next()?.parse().ok())
            .unwrap_or(0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
