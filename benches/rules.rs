//! How fast items are matched, and what rules cost to compile, against what one would otherwise write.
//!
//! `cargo bench --bench rules` prints a table: the engine with the full language, an Aho-Corasick automaton over the same
//! words with Boolean evaluation behind it, and (where it can be built) a `RegexSet`. The three run over the same items in
//! turns, in CPU time of this thread, medians of several rounds, so that the ratios hold on a noisy machine.
//!
//! Items come from the JSON Lines file in `WIREWATCH_BENCH_ITEMS` (`title`, `summary`, `lang`); without it they are
//! generated. `WIREWATCH_BENCH_RULES=100,10000` chooses the sizes, `WIREWATCH_BENCH_ALONE=1` leaves the others out.
//!
//! `WIREWATCH_BENCH_LANGUAGES=DIR` measures each `*.jsonl` of a directory against the items above instead, all under one
//! set of rules to which every file gave as many: a desk that watches nine languages.

#[path = "rules/baseline.rs"]
mod baseline;
#[path = "rules/generate.rs"]
mod generate;

use std::{env, fs, hint::black_box, time::Instant};

use wirewatch::{
    model::{Feed, Item},
    rule::{RuleSet, Scratch},
};

use baseline::{AhoCorasickRules, Inflections, RegexSetRules};

const ROUNDS: usize = 5;

fn main() {
    let items = items();
    if let Ok(folder) = env::var("WIREWATCH_BENCH_LANGUAGES") {
        return languages(items, &folder);
    }
    println!(
        "{} items, {:.0} bytes of title and summary each",
        items.len(),
        items
            .iter()
            .map(|item| item.title.len() + item.summary.len())
            .sum::<usize>() as f64
            / items.len() as f64
    );
    let sizes =
        env::var("WIREWATCH_BENCH_RULES").unwrap_or_else(|_| "100,1000,10000,100000".to_owned());
    println!(
        "{:>8} {:>11} {:>11} {:>11} {:>8} {:>11} {:>8} {:>9} {:>9} {:>12} {:>12}",
        "rules",
        "items/s",
        "with hits",
        "Aho-Cor.",
        "ratio",
        "RegexSet",
        "ratio",
        "compile",
        "memory",
        "matches/item",
        "of Aho-Cor."
    );
    let inflections = Inflections::of_items(&items);
    for size in sizes.split(',').filter_map(|size| size.trim().parse().ok()) {
        row(size, &items, &inflections);
    }
}

fn row(size: usize, items: &[Item], inflections: &Inflections) {
    let rules = generate::rules(items, size, 7);
    let sources: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| rule.source(index))
        .collect();
    let memory = resident_bytes();
    let started = cpu_seconds();
    let (set, _) = RuleSet::compile(sources, Vec::new()).expect("generated rules are the language");
    let compile = cpu_seconds() - started;
    // The first item builds the tables of its language.
    let feed = Feed::named("bench");
    let mut scratch = Scratch::new();
    let started = cpu_seconds();
    for item in items.iter().take(1) {
        black_box(set.matching(&feed, item, &mut scratch));
    }
    let compile = compile + cpu_seconds() - started;
    let memory = resident_bytes().saturating_sub(memory);

    let is_alone = env::var_os("WIREWATCH_BENCH_ALONE").is_some();
    let automaton = (!is_alone).then(|| AhoCorasickRules::new(&rules, inflections));
    let regexes = (!is_alone).then(|| RegexSetRules::new(&rules)).flatten();
    let mut rounds: [Vec<f64>; 4] = Default::default();
    let (mut matches, mut baseline_matches) = (0, 0);
    // A slow contender need not see every item.
    let few = &items[..items.len().min(200_000 / size + 200)];
    for round in 0..=ROUNDS {
        let mut timed = |column: usize, items: &[Item], work: &mut dyn FnMut(&Item) -> usize| {
            let started = cpu_seconds();
            let found: usize = items.iter().map(work).sum();
            let rate = items.len() as f64 / (cpu_seconds() - started);
            // The first round warms.
            if round > 0 {
                rounds[column].push(rate);
            }
            found
        };
        matches = timed(0, items, &mut |item| {
            set.matching(&feed, item, &mut scratch).len()
        });
        timed(1, items, &mut |item| {
            set.hits_with(&feed, item, &mut scratch).len()
        });
        if let Some(automaton) = &automaton {
            baseline_matches = timed(2, items, &mut |item| automaton.matching(item));
        }
        if let Some(regexes) = &regexes {
            timed(3, few, &mut |item| regexes.matching(item));
        }
    }
    let [ours, hits, automaton, regexes] = rounds.map(median);
    println!(
        "{size:>8} {ours:>11.0} {hits:>11.0} {automaton:>11.0} {:>8.1} {regexes:>11.0} {:>8.1} {:>7.0}ms {:>7.1}MB {:>12.2} {:>12.2}",
        ours / automaton,
        ours / regexes,
        compile * 1000.0,
        memory as f64 / 1e6,
        matches as f64 / items.len() as f64,
        baseline_matches as f64 / items.len() as f64,
    );
}

/// Rules that each language gives to the set that serves them all.
const RULES_A_LANGUAGE: usize = 1_000;

/// How fast items of other languages are matched, against English ones, in turns.
fn languages(english: Vec<Item>, folder: &str) {
    let folder = fs::read_dir(folder).expect("WIREWATCH_BENCH_LANGUAGES names a directory");
    let mut files: Vec<_> = folder
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    files.sort();
    let mut texts = vec![("English".to_owned(), english)];
    for path in &files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        texts.push((name.into_owned(), read_items(&path.to_string_lossy())));
    }
    let sources = texts
        .iter()
        .flat_map(|(_, items)| generate::rules(items, RULES_A_LANGUAGE, 7))
        .enumerate()
        .map(|(index, rule)| rule.source(index))
        .collect();
    let (set, _) = RuleSet::compile(sources, Vec::new()).expect("generated rules are the language");
    let feed = Feed::named("bench");
    let mut scratch = Scratch::new();
    let mut rounds = vec![Vec::new(); texts.len()];
    let mut matches = vec![0; texts.len()];
    for round in 0..=ROUNDS {
        for (language, (_, items)) in texts.iter().enumerate() {
            // Short files are read again and again, so that the clock has something to measure.
            let times = 30_000_usize.div_ceil(items.len().max(1));
            let mut found = 0;
            let started = cpu_seconds();
            for item in items.iter().cycle().take(times * items.len()) {
                found += set.matching(&feed, item, &mut scratch).len();
            }
            let seconds = cpu_seconds() - started;
            if round > 0 {
                rounds[language].push((times * items.len()) as f64 / seconds);
            }
            matches[language] = found / times;
        }
    }
    println!(
        "{:>10} {:>8} {:>11} {:>9} {:>8} {:>12} {:>12}",
        "", "items", "bytes/item", "items/s", "MB/s", "of English", "matches/item"
    );
    let rates: Vec<f64> = rounds.into_iter().map(median).collect();
    for (((name, items), rate), matches) in texts.iter().zip(&rates).zip(matches) {
        let bytes: usize = items
            .iter()
            .map(|item| item.title.len() + item.summary.len())
            .sum();
        let bytes = bytes as f64 / items.len() as f64;
        println!(
            "{name:>10} {:>8} {bytes:>11.0} {rate:>9.0} {:>8.0} {:>11.0}% {:>12.2}",
            items.len(),
            rate * bytes / 1e6,
            rate / rates[0] * 100.0,
            matches as f64 / items.len() as f64,
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// CPU time of this thread where the kernel tells it, else the time that passed.
fn cpu_seconds() -> f64 {
    thread_local!(static START: Instant = Instant::now());
    let kernel = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = kernel.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(
        || START.with(|start| start.elapsed().as_secs_f64()),
        |nanoseconds| nanoseconds / 1e9,
    )
}

fn resident_bytes() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    pages
        .and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok())
        .unwrap_or(0)
        * 4096
}

fn items() -> Vec<Item> {
    let Ok(path) = env::var("WIREWATCH_BENCH_ITEMS") else {
        return generate::items(20_000, 5);
    };
    read_items(&path)
}

/// From a JSON Lines file.
fn read_items(path: &str) -> Vec<Item> {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
    text.lines()
        .map(|line| {
            let value: serde_json::Value =
                serde_json::from_str(line).expect("one JSON document per line");
            let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
            Item {
                title: field("title"),
                summary: field("summary"),
                lang: value["lang"].as_str().map(str::to_owned),
                ..Item::default()
            }
        })
        .collect()
}
