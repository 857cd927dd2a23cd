//! What an item tells, reduced to what comparing needs.

use url::Url;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::{
    model::{Feed, Item},
    text::{
        language::{self, Lang},
        words::words,
    },
};

use super::{
    Sketch, byline, family, publisher_of_item,
    weigh::{SHARE_SAYING, Word, hash_of, share_of, stem_of},
};

/// Titles of fewer words ("Live updates", "Breaking news") are too common to link items by.
const TITLE_WORDS_MIN: usize = 4;
/// Words of the text that are compared.
const LEAD_WORDS: usize = 60;
/// Of them, those that say what the event is.
const TOPIC_WORDS: usize = 40;
/// A lead of fewer words is not a text that somebody copied.
pub(super) const LEAD_WORDS_MIN: usize = 8;
/// Keeps links and titles apart.
const LINK_SEED: u64 = 1;

/// An item as stories see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    pub publisher: String,
    /// The agency that wrote it, where it says so.
    pub wire: Option<&'static str>,
    /// Of the title, where it has enough words, and of the link, where there is one.
    pub title_key: Option<u64>,
    pub link_key: Option<u64>,
    /// Of the lead where it is long enough, else of the title.
    pub sketch: Sketch,
    pub has_lead: bool,
    /// Each word once, those of the title first.
    pub(super) words: Vec<Word>,
    /// It gathers the events of a day or a war: it tells no event of its own.
    pub is_digest: bool,
}

impl Telling {
    pub fn of(feed: &Feed, item: &Item) -> Telling {
        let publisher = publisher_of_item(feed, item);
        let own_title = without_publisher(&item.title, [&publisher, &item.source]);
        let text = match item.summary.is_empty() {
            true => &item.content,
            false => &item.summary,
        };
        let text = without_title(text, own_title);
        let reading = language::decide(
            [feed.lang.as_deref(), item.lang.as_deref()],
            &item.title,
            text,
        );
        // A short text whose language is in doubt must be read the same way each time.
        let lang = reading.second.unwrap_or(reading.first);
        let title = read(lang, own_title, usize::MAX);
        let lead = read(lang, text, LEAD_WORDS);
        let is_headline_case = is_headline_case(&title);
        let mut words: Vec<Word> = Vec::with_capacity(title.len() + lead.len().min(TOPIC_WORDS));
        let of_title = title.iter().map(|read| (read, true));
        let of_lead = lead.iter().take(TOPIC_WORDS).map(|read| (read, false));
        for (read, is_in_title) in of_title.chain(of_lead) {
            let is_name = read.is_capital_inside && !(is_in_title && is_headline_case);
            if let Some(known) = words.iter_mut().find(|word| word.word == read.hash) {
                // Written small somewhere, it is no name.
                known.is_name = (known.is_name || is_name) && !read.is_small;
                continue;
            }
            if read.is_number {
                continue;
            }
            let (share, is_common) = share_of(lang, &read.stem, read.hash);
            if share > SHARE_SAYING {
                continue;
            }
            words.push(Word {
                word: read.hash,
                share,
                is_in_title,
                is_name,
                is_distinctive: is_in_title
                    && !is_common
                    && (is_headline_case || !has_case(&read.stem)),
                is_caseless: !has_case(&read.stem),
            });
        }
        for word in &mut words {
            word.is_distinctive |= word.is_in_title && word.is_name;
        }
        let has_lead = lead.len() >= LEAD_WORDS_MIN;
        let sketched = if has_lead { &lead } else { &title };
        let hashes: Vec<u64> = sketched.iter().map(|read| read.hash).collect();
        Telling {
            wire: byline::wire(item, &publisher),
            publisher,
            title_key: title_key(own_title),
            link_key: canonical_link(&item.url)
                .map(|link| xxh3_64_with_seed(link.as_bytes(), LINK_SEED)),
            sketch: Sketch::of(&hashes),
            has_lead,
            words,
            is_digest: is_digest(&item.title),
        }
    }
}

/// One word of a text.
struct Read {
    stem: String,
    hash: u64,
    is_number: bool,
    is_small: bool,
    /// It begins with a capital and does not stand at the beginning of a sentence.
    is_capital_inside: bool,
    is_capital: bool,
    letters: usize,
}

fn read(lang: Lang, text: &str, words_max: usize) -> Vec<Read> {
    let ranges = words(text);
    let one = |range: std::ops::Range<usize>| {
        let word = text.get(range.clone())?;
        let stem = stem_of(lang, word);
        let first = word.chars().next()?;
        let before = text
            .get(..range.start)?
            .trim_end_matches(|c: char| c.is_whitespace() || "\"'“‘«(".contains(c));
        let begins = before.is_empty()
            || before.ends_with(['.', '!', '?', ':', ';', '|', '–', '—', '-', '…']);
        Some(Read {
            hash: hash_of(lang, &stem),
            is_number: word.chars().all(|c| c.is_numeric() || c == '.' || c == ','),
            is_small: first.is_lowercase(),
            is_capital: first.is_uppercase(),
            is_capital_inside: first.is_uppercase() && !begins,
            letters: word.chars().count(),
            stem,
        })
    };
    ranges
        .into_iter()
        .take(words_max)
        .filter_map(one)
        .filter(|read| !read.stem.is_empty())
        .collect()
}

/// Whether a headline writes every longer word with a capital: then capitals tell no names.
fn is_headline_case(title: &[Read]) -> bool {
    let long = title
        .iter()
        .filter(|read| read.letters > 3 && (read.is_small || read.is_capital));
    let (small, capital) = long.fold((0, 0), |(small, capital), read| match read.is_capital {
        true => (small, capital + 1),
        false => (small + 1, capital),
    });
    capital > 0 && capital * 10 > (small + capital) * 7
}

/// Whether the script tells capitals from small letters.
fn has_case(stem: &str) -> bool {
    stem.chars()
        .next()
        .is_some_and(|c| c.is_lowercase() || c.is_uppercase())
}

fn title_key(title: &str) -> Option<u64> {
    let words: Vec<String> = title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    (words.len() >= TITLE_WORDS_MIN).then(|| xxh3_64(words.join(" ").as_bytes()))
}

/// A title without the outlet that aggregators and many sites put behind it: `Rebels enter Homs - Reuters`, `… | The Guardian`.
fn without_publisher<'t>(title: &'t str, names: [&str; 2]) -> &'t str {
    /// An outlet's name has no more words.
    const NAME_WORDS_MAX: usize = 5;
    let cut = [" - ", " | ", " – ", " — ", " :: "]
        .iter()
        .filter_map(|mark| Some((title.rfind(mark)?, mark.len())))
        .max();
    let Some((before, name)) =
        cut.and_then(|(at, mark)| Some((title.get(..at)?, title.get(at + mark..)?)))
    else {
        return title;
    };
    let is_short = name.split_whitespace().count() <= NAME_WORDS_MAX;
    let named = family(name);
    let is_it = |publisher: &&str| {
        let known = family(publisher);
        let (short, long) = match known.len() < named.len() {
            true => (&known, &named),
            false => (&named, &known),
        };
        // `bbc.co.uk` is `BBC News`, `dailyberg.example` is `The Daily Berg Online`.
        short.chars().count() >= 2
            && (short == long || (short.len() > 2 && long.starts_with(short.as_str())))
    };
    match is_short && names.iter().any(is_it) {
        true => before.trim_end(),
        false => title,
    }
}

/// A text without the title that some feeds begin it with: nothing is left where it says no more.
fn without_title<'t>(text: &'t str, title: &str) -> &'t str {
    match text.trim_start().strip_prefix(title) {
        Some(rest) if !rest.starts_with(char::is_alphanumeric) => rest,
        _ => text,
    }
}

/// What a title says that gathers many events, as words in lower case with a space around.
const DIGESTS: &[&str] = &[
    "live updates",
    "live update",
    "live blog",
    "liveblog",
    "live coverage",
    "live news",
    "as it happened",
    "at a glance",
    "what we know",
    "what to know",
    "need to know",
    "key events",
    "key moments",
    "key points",
    "roundup",
    "round up",
    "briefing",
    "morning brief",
    "evening brief",
    "daily brief",
    "news brief",
    "newsletter",
    "top stories",
    "headlines",
    "in pictures",
    "photos",
    "podcast",
    "timeline",
    "minute by minute",
    "latest news",
    "the latest",
    "week in",
    "weekly",
    "daily",
    "recap",
    "news wrap",
    "things to know",
    "here is the latest",
    "en direct",
    "ce que l on sait",
    "le point sur",
    "l essentiel",
    "en continu",
    "en directo",
    "en vivo",
    "minuto a minuto",
    "ultima hora",
    "última hora",
    "lo que sabemos",
    "claves",
    "liveticker",
    "live ticker",
    "was wir wissen",
    "im überblick",
    "онлайн",
    "прямая трансляция",
    "главное за",
    "главные события",
    "что известно",
    "итоги дня",
    "сводка",
    "хроника",
    "головне за",
    "головні події",
    "що відомо",
    "наживо",
    "пряма трансляція",
    "зведення",
    "مباشر",
    "لحظة بلحظة",
    "تغطية مستمرة",
    "أبرز",
    "ماذا نعرف",
    "زنده",
    "لحظه به لحظه",
    "canlı",
    "son dakika gelişmeleri",
    "neler biliyoruz",
    "עדכונים",
    "דיווח שוטף",
];
/// How a running page is marked inside its title.
const LIVE: &[&str] = &[
    " live:",
    " live –",
    " live —",
    " live -",
    " live |",
    "| live",
    "- live:",
    "en direct :",
    "en vivo:",
    "en directo:",
];
/// What a running number of days follows: `day 601`, `jour 12`.
const DAYS: &[&str] = &[
    "day",
    "jour",
    "día",
    "dia",
    "tag",
    "день",
    "gün",
    "اليوم",
    "روز",
    "giorno",
    "יום",
];

fn is_digest(title: &str) -> bool {
    let words: Vec<String> = title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let is_live = [words.first(), words.last()]
        .into_iter()
        .flatten()
        .any(|word| word == "live")
        || LIVE.iter().any(|mark| title.to_lowercase().contains(mark));
    let is_numbered = words.windows(2).any(|pair| {
        let [day, number] = pair else { return false };
        let is = |word: &String, other: &String| {
            DAYS.contains(&word.as_str()) && other.chars().all(char::is_numeric)
        };
        is(day, number)
    });
    let spaced = format!(" {} ", words.join(" "));
    is_live
        || is_numbered
        || DIGESTS
            .iter()
            .any(|phrase| spaced.contains(&format!(" {phrase} ")))
}

/// A link without what does not name the page: scheme, `www.`, fragment, campaign parameters, a closing slash. `None` where it
/// is no page of its own: a front page, or no address of the web.
fn canonical_link(link: &str) -> Option<String> {
    let url = Url::parse(link).ok()?;
    let is_page = url.path().len() > 1 || url.query().is_some();
    if !matches!(url.scheme(), "http" | "https") || !is_page {
        return None;
    }
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_start_matches("www.")
        .to_owned();
    let path = url.path().trim_end_matches('/');
    let names_no_page = |name: &str| {
        name.starts_with("utm_")
            || matches!(
                name,
                "fbclid" | "gclid" | "at_medium" | "at_campaign" | "ref" | "cmpid" | "ns_campaign"
            )
    };
    let query: Vec<String> = url
        .query_pairs()
        .filter(|(name, _)| !names_no_page(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Some(format!("{host}{path}?{}", query.join("&")))
}
