//! What placing one more item in its story costs beside 1,000 to 1,000,000 recent ones.
//!
//! `cargo bench --bench stories`; `WIREWATCH_BENCH_ITEMS=1000,100000` chooses the sizes. Items are made up: most tell a story
//! of their own, some are copies, some retell another's event. Every item matches a rule and is judged and recorded as the
//! daemon does it, in a database on the disk: in large polls up to each size, which takes no more than some minutes to a
//! million, and in usual ones where it is measured. CPU time is what compares: the wall has the disk and the neighbours in it.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use wirewatch::{
    judge::{self, Edited, Matched, Past},
    model::{Feed, Item},
    rule::RuleSource,
    store::{Decided, Harvest, PollOutcome, PollRecord, Store},
    time::{self, Timestamp},
};

const ITEMS_A_POLL: usize = 200;
/// Up to the size that is measured next.
const ITEMS_A_FILL: usize = 5_000;
/// Items measured at each size.
const MEASURED: usize = 4_000;
/// Recent: seen within so long.
const SPAN: Duration = Duration::from_secs(70 * 3600);

/// Numbers that look random and are the same each time (splitmix64).
fn dice(seed: u64) -> usize {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 8) as usize
}

/// A word of a vocabulary in which, as in the news, a few are common and most are rare.
fn word(seed: u64) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "wu", "za", "pe", "di", "go", "hu",
        "fa",
    ];
    let roll = dice(seed);
    let rank = match roll % 4 {
        0 => roll / 4 % 60,
        1 => roll / 4 % 2_000,
        _ => roll / 4 % 200_000,
    };
    (0..5)
        .map(|place| SYLLABLES[(rank >> (4 * place)) % 16])
        .collect()
}

fn item(number: u64) -> Item {
    // One in ten copies an earlier one, one in ten retells it.
    let kind = dice(number ^ 0x55) % 10;
    let event = if kind < 2 {
        number.saturating_sub(1 + dice(number) as u64 % 500)
    } else {
        number
    };
    let words = |seed: u64, many: u64| {
        (0..many)
            .map(|at| word(event.wrapping_mul(1_000) + seed + at))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let own = word(number.wrapping_mul(7_919));
    let title = match kind {
        1 => format!("{own} {} {own}", words(2, 8)),
        _ => words(0, 10),
    };
    Item {
        id: number.to_string(),
        title,
        summary: words(100, 35),
        url: format!("https://example.org/{number}"),
        lang: Some("en".to_owned()),
        ..Item::default()
    }
}

/// Records the items of these numbers; how many alerts they open.
async fn poll(store: &Store, feed: &Arc<Feed>, numbers: Range<usize>, at: Timestamp) -> usize {
    let id = store.feed_states().await.expect("the store is open")[&feed.name].id;
    let new: Vec<Item> = numbers.map(|number| item(number as u64)).collect();
    let outcome = PollOutcome::Items(Harvest {
        listed: new.iter().map(Item::key).collect(),
        new: new.into_iter().map(Into::into).collect(),
        ..Harvest::default()
    });
    let rule = RuleSource {
        id: "all".to_owned(),
        ..RuleSource::default()
    };
    let feed = feed.clone();
    let judge = Box::new(
        move |item: &Item, edited: Option<&Edited>, past: &dyn Past<Error = _>| {
            let matched = Matched {
                feed: &feed,
                item,
                hits: vec![(&rule, Vec::new())],
                rules: std::slice::from_ref(&rule),
                is_first_contact: false,
                edited,
                seen: at,
                matched: at,
            };
            let decision = judge::judge(&matched, past, at)?;
            let receivers = vec![Vec::new(); decision.judged.len()];
            Ok(Decided {
                decision,
                receivers,
            })
        },
    );
    let recorded = store
        .record_poll(PollRecord::plain(id, at, at, outcome), judge)
        .await;
    recorded.expect("the poll is recorded").alerts.len()
}

/// What the process has computed so far, in ticks of a hundredth of a second; 0 where the system does not say.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    Duration::from_millis(
        ticks
            .filter_map(|ticks| ticks.parse::<u64>().ok())
            .sum::<u64>()
            * 10,
    )
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| {
        line.trim()
            .trim_end_matches(" kB")
            .trim()
            .parse::<u64>()
            .ok()
    })
    .unwrap_or(0)
        / 1024
}

fn main() {
    let sizes = std::env::var("WIREWATCH_BENCH_ITEMS")
        .unwrap_or_else(|_| "1000,10000,100000,1000000".to_owned());
    let sizes: Vec<usize> = sizes
        .split(',')
        .filter_map(|size| size.trim().parse().ok())
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let folder =
        std::env::temp_dir().join(format!("wirewatch-bench-stories-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
    runtime.block_on(async {
        let store = Store::open(&folder.join("w.db")).expect("a new store opens");
        let feed = Arc::new(Feed::named("feed"));
        let begin: Timestamp = "2026-03-02T08:00:00Z".parse().expect("a time");
        store
            .sync_feeds(vec![feed.clone()], begin)
            .await
            .expect("the feed is recorded");
        let largest = sizes.iter().copied().max().unwrap_or(1) + MEASURED * sizes.len();
        // Each at its moment within the span.
        let at = |item: usize| time::after(begin, SPAN.mul_f64(item as f64 / largest as f64));
        let mut items = 0;
        println!(
            "{:>9} {:>12} {:>8} {:>14} {:>9} {:>8}",
            "recent", "us an item", "CPU us", "stories of 1k", "store MB", "RSS MB"
        );
        for size in sizes {
            while items < size {
                let many = ITEMS_A_FILL.min(size - items);
                poll(&store, &feed, items..items + many, at(items)).await;
                items += many;
            }
            let (started, computed, mut opened) = (Instant::now(), cpu(), 0);
            for _ in 0..MEASURED / ITEMS_A_POLL {
                opened += poll(&store, &feed, items..items + ITEMS_A_POLL, at(items)).await;
                items += ITEMS_A_POLL;
            }
            let each = |spent: Duration| spent.as_micros() as usize / MEASURED;
            let bytes = std::fs::metadata(folder.join("w.db")).map_or(0, |file| file.len());
            println!(
                "{size:>9} {:>12} {:>8} {:>14} {:>9} {:>8}",
                each(started.elapsed()),
                each(cpu() - computed),
                opened * 1000 / MEASURED,
                bytes >> 20,
                resident_mb()
            );
        }
    });
    // What is left behind is in the folder for temporary files.
    let _ = std::fs::remove_dir_all(&folder);
}
