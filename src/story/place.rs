//! Where an item belongs: the text it copies, the story it joins, or neither.

use std::{collections::HashMap, time::Duration};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::time::{self, Timestamp};

use super::{
    Sketch, Telling,
    weigh::{WINDOW_DAYS, Weighed, rarity},
};

/// How long a text stays open for copies, counted from the last.
pub const STORY_ALIVE: Duration = Duration::from_secs(72 * 3600);
/// How long a story takes further reports, counted from the first.
const STORY_REPORTS: Duration = STORY_ALIVE;
/// How long it takes further copies of its texts.
pub const STORY_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// Texts of a story that others are compared with: the first ones, so that a story cannot wander.
const REPRESENTATIVES_MAX: usize = 8;
/// Words that a text is compared by, the weightiest.
const WORDS_MAX: usize = 24;
/// Words that a text is found by.
const WORD_KEYS_MAX: usize = 12;
/// Less rare words find too many texts to be looked at.
const KEY_RARITY_MIN: f32 = 2.5;
/// Texts looked up under one key, the newest.
pub const KEY_TEXTS_MAX: usize = 12;
/// Texts compared for one item.
const CANDIDATES_MAX: usize = 16;
/// Rare words that two texts share at least before it is worth comparing them.
const SHARED_KEYS_MIN: usize = 2;
/// Words of less rarity say nothing: one text in five has them.
const RARITY_MIN: f32 = 1.5;
/// What a word of the lead weighs beside one of the title, and a name beside another word.
const LEAD_FACTOR: f32 = 0.6;
const NAME_FACTOR: f32 = 1.3;
/// Shared wording from which a text is a copy.
const COPY_LIKENESS: f32 = 0.5;
/// Shared wording from which a text that has most of the shorter one is a copy: cut short, or written on.
const CUT_LIKENESS: f32 = 0.2;
const CUT_OVERLAP: f32 = 0.75;
/// Shared wording without which the same title over another lead is another text.
const SAME_TITLE_LIKENESS: f32 = 0.12;
/// How alike two texts under one link are at least, to be one text that was retold.
const SAME_PAGE_LIKENESS: f32 = 0.2;
/// How alike (cosine of weights) two reports of one event are at least; more is asked the older the other is, as much again
/// after so long.
const EVENT_LIKENESS: f32 = 0.36;
const EVENT_LIKENESS_DOUBLES: Duration = Duration::from_secs(96 * 3600);
/// The part of it that is enough where so many reports of one story reach it: they vouch for each other.
const NEARLY: f32 = 0.88;
const SEVERAL: usize = 2;
/// How alike a report is to the first of its story at least, where each has names for itself.
const FOUNDER_LIKENESS: f32 = 0.12;
/// How alike what gathers the events of a day is to a report at least, to be one more of them and not news of its own; and how
/// alike two such are.
const DIGEST_LIKENESS: f32 = 0.5;
const DIGESTS_LIKENESS: f32 = 0.65;
/// So alike that nothing else is asked.
const EVENT_LIKENESS_CERTAIN: f32 = 0.8;
/// The least that shared words must tell together, and how many they must be.
const SHARED_RARITY_MIN: f32 = 14.0;
const SHARED_WORDS_MIN: usize = 3;
/// By how much names that each text has for itself must outweigh the best that they share to part them; in scripts without
/// capitals, where every rare word may be a name, it is enough that they weigh as much.
const CONFLICT_MARGIN: f32 = 0.3;
const CONFLICT_MARGIN_CASELESS: f32 = -0.05;
const WORD_SEED: u64 = 2;

/// A text that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    pub id: i64,
    pub story: i64,
    /// The text that its story began with; itself where it did, `None` where that is not known.
    pub founder: Option<i64>,
    /// The agency that wrote it, or a name of its own.
    pub name: String,
    pub is_digest: bool,
    pub has_lead: bool,
    pub sketch: Sketch,
    /// By word.
    pub words: Vec<Weighed>,
    /// Whether other reports of the event are compared with it.
    pub is_representative: bool,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub story_began: Timestamp,
    /// Texts of its story.
    pub story_texts: usize,
}

/// What is known of recent texts. Every question is answered by key.
pub trait Recent {
    /// What the past answers with when it cannot be read.
    type Error;

    /// The newest texts with this key, at most [`KEY_TEXTS_MAX`], newest first.
    ///
    /// # Errors
    /// When the past cannot be read.
    fn texts_under(&self, key: u64) -> Result<Vec<i64>, Self::Error>;

    /// A text; `None` where it is forgotten.
    ///
    /// # Errors
    /// When the past cannot be read.
    fn origin(&self, id: i64) -> Result<Option<Origin>, Self::Error>;

    /// For each of these words, how many texts of this day (since 1970) and the days after it have it.
    ///
    /// # Errors
    /// When the past cannot be read.
    fn texts_with(&self, words: &[u64], from_day: i64) -> Result<Vec<u32>, Self::Error>;
}

/// The word under which all texts are counted.
pub const ANY_WORD: u64 = 0;

/// How an item is like what it joins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Likeness {
    /// The same text.
    Copy,
    /// The same event in other words; the cosine.
    Event(f32),
}

/// Where an item belongs, and what is kept of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The text that it copies, or is nearest to within its story; `None` for a story of its own.
    pub beside: Option<(Origin, Likeness)>,
    /// What finds it: of its title, link and wording, and of its rarest words where it represents its story.
    pub keys: Vec<u64>,
    /// By word.
    pub words: Vec<Weighed>,
    pub is_representative: bool,
    /// Every word that counts towards rarity, [`ANY_WORD`] among them; none for a copy.
    pub counted: Vec<u64>,
}

/// Days since 1970.
pub fn day_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

/// Finds the text that an item copies, or else the story that it tells.
///
/// # Errors
/// When the past cannot be read.
pub fn place<P: Recent + ?Sized>(
    telling: &Telling,
    past: &P,
    seen: Timestamp,
) -> Result<Placed, P::Error> {
    let weighed = weigh(telling, past, seen)?;
    let word_keys = word_keys(&weighed);
    let mut near: Vec<Near> = Vec::new();
    for found in candidates(telling, &word_keys, past)? {
        if let Some(origin) = past.origin(found.id)? {
            near.extend(nearness(telling, &weighed, origin, &found, seen));
        }
    }
    let beside = nearest(near, &weighed, past)?;
    let is_copy = matches!(beside, Some((_, Likeness::Copy)));
    let represents = match &beside {
        None => true,
        Some((origin, _)) => {
            !is_copy && !telling.is_digest && origin.story_texts < REPRESENTATIVES_MAX
        }
    };
    let mut keys: Vec<u64> = [telling.title_key, telling.link_key]
        .into_iter()
        .flatten()
        .chain(telling.sketch.keys())
        .collect();
    if represents {
        keys.extend(word_keys.into_iter().map(|(key, _)| key));
    }
    let counted = match is_copy {
        true => Vec::new(),
        false => telling
            .words
            .iter()
            .map(|word| word.word)
            .chain([ANY_WORD])
            .collect(),
    };
    Ok(Placed {
        beside,
        keys,
        words: weighed,
        is_representative: represents,
        counted,
    })
}

/// The weightiest words of an item, by word.
fn weigh<P: Recent + ?Sized>(
    telling: &Telling,
    past: &P,
    seen: Timestamp,
) -> Result<Vec<Weighed>, P::Error> {
    let mut asked: Vec<u64> = telling.words.iter().map(|word| word.word).collect();
    asked.push(ANY_WORD);
    let mut texts_with = past.texts_with(&asked, day_of(seen) - WINDOW_DAYS + 1)?;
    let texts = texts_with.pop().unwrap_or(0);
    let mut weighed: Vec<Weighed> = telling
        .words
        .iter()
        .zip(texts_with)
        .map(|(word, with)| {
            let rarity = rarity(word.share, with, texts);
            let place = if word.is_in_title { 1.0 } else { LEAD_FACTOR };
            let name = if word.is_name { NAME_FACTOR } else { 1.0 };
            Weighed {
                word: word.word,
                rarity,
                weight: rarity * place * name,
                is_in_title: word.is_in_title,
                is_distinctive: word.is_distinctive,
                is_name: word.is_name,
                is_caseless: word.is_caseless,
            }
        })
        .filter(|word| word.rarity >= RARITY_MIN)
        .collect();
    weighed.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.word.cmp(&b.word)));
    weighed.truncate(WORDS_MAX);
    weighed.sort_by_key(|word| word.word);
    Ok(weighed)
}

fn word_keys(weighed: &[Weighed]) -> Vec<(u64, f32)> {
    let mut rarest: Vec<&Weighed> = weighed
        .iter()
        .filter(|word| word.rarity >= KEY_RARITY_MIN)
        .collect();
    rarest.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.word.cmp(&b.word)));
    rarest.truncate(WORD_KEYS_MAX);
    let key = |word: &Weighed| {
        (
            xxh3_64_with_seed(&word.word.to_le_bytes(), WORD_SEED),
            word.rarity,
        )
    };
    rarest.into_iter().map(key).collect()
}

/// A text that shares keys with an item.
struct Found {
    id: i64,
    has_link: bool,
    has_title: bool,
    /// Shared keys of words.
    words: usize,
    /// What the shared keys tell together.
    worth: f32,
}

/// The texts that share most with an item, by what their keys tell.
fn candidates<P: Recent + ?Sized>(
    telling: &Telling,
    word_keys: &[(u64, f32)],
    past: &P,
) -> Result<Vec<Found>, P::Error> {
    /// A shared title, link or wording tells as much as several rare words.
    const COPY_KEY_WORTH: f32 = 20.0;
    let mut found: HashMap<i64, Found> = HashMap::new();
    let copies = [telling.title_key, telling.link_key]
        .into_iter()
        .flatten()
        .chain(telling.sketch.keys());
    for (key, worth) in copies
        .map(|key| (key, COPY_KEY_WORTH))
        .chain(word_keys.iter().copied())
    {
        for id in past.texts_under(key)? {
            let text = found.entry(id).or_insert(Found {
                id,
                has_link: false,
                has_title: false,
                words: 0,
                worth: 0.0,
            });
            text.words += usize::from(worth < COPY_KEY_WORTH);
            text.worth += worth;
            text.has_link |= telling.link_key == Some(key);
            text.has_title |= telling.title_key == Some(key);
        }
    }
    let tells = |found: &Found| found.worth >= COPY_KEY_WORTH || found.words >= SHARED_KEYS_MIN;
    let mut found: Vec<Found> = found.into_values().filter(tells).collect();
    found.sort_by(|a, b| b.worth.total_cmp(&a.worth).then(b.id.cmp(&a.id)));
    found.truncate(CANDIDATES_MAX);
    Ok(found)
}

/// A text that an item is like, more or less.
struct Near {
    origin: Origin,
    likeness: Likeness,
    /// How alike the two must be, where nothing else vouches for it.
    wanted: f32,
}

fn nearness(
    telling: &Telling,
    weighed: &[Weighed],
    origin: Origin,
    found: &Found,
    seen: Timestamp,
) -> Option<Near> {
    if origin.last_seen < time::before(seen, STORY_ALIVE)
        || origin.story_began < time::before(seen, STORY_LIFE)
    {
        return None;
    }
    let shared = Shared::of(weighed, &origin.words);
    if is_copy(telling, &origin, found, &shared) {
        return Some(Near {
            origin,
            likeness: Likeness::Copy,
            wanted: 0.0,
        });
    }
    let is_open =
        origin.story_began >= time::before(seen, STORY_REPORTS) && origin.is_representative;
    let says_enough = shared.words >= SHARED_WORDS_MIN && shared.titled > 0 && !shared.has_conflict;
    if !is_open || !says_enough {
        return None;
    }
    let age = time::until(origin.first_seen, seen).as_secs_f32();
    let wanted = match (telling.is_digest, origin.is_digest) {
        // What a digest told among other things is news when it is reported by itself.
        (false, true) => return None,
        // Two lists of headings of two days look alike.
        (true, true) if telling.has_lead && origin.has_lead => DIGESTS_LIKENESS,
        (true, true) => return None,
        (true, false) => DIGEST_LIKENESS,
        (false, false) if shared.cosine >= EVENT_LIKENESS_CERTAIN => EVENT_LIKENESS_CERTAIN,
        (false, false) if shared.rarity >= SHARED_RARITY_MIN && shared.agrees_on_names => {
            EVENT_LIKENESS * (1.0 + age / EVENT_LIKENESS_DOUBLES.as_secs_f32())
        }
        (false, false) => return None,
    };
    Some(Near {
        origin,
        likeness: Likeness::Event(shared.cosine),
        wanted,
    })
}

/// The one that an item joins: what it copies, else the most alike of those that are alike enough. Of equals the older stands for
/// the story: the order of looking must not matter.
fn nearest<P: Recent + ?Sized>(
    near: Vec<Near>,
    weighed: &[Weighed],
    past: &P,
) -> Result<Option<(Origin, Likeness)>, P::Error> {
    let rank = |near: &Near| match near.likeness {
        Likeness::Copy => 2.0,
        Likeness::Event(cosine) => cosine,
    };
    let is_nearly = |near: &Near| rank(near) >= near.wanted * NEARLY;
    let mut nearly_of: HashMap<i64, usize> = HashMap::new();
    for near in near.iter().filter(|near| is_nearly(near)) {
        *nearly_of.entry(near.origin.story).or_insert(0) += 1;
    }
    let is_alike = |near: &Near| {
        let many = nearly_of.get(&near.origin.story).copied().unwrap_or(0);
        rank(near) >= near.wanted || (many >= SEVERAL && is_nearly(near))
    };
    let mut alike: Vec<Near> = near.into_iter().filter(is_alike).collect();
    alike.sort_by(|a, b| {
        rank(b)
            .total_cmp(&rank(a))
            .then(a.origin.id.cmp(&b.origin.id))
    });
    for near in alike {
        let is_copy = near.likeness == Likeness::Copy;
        if is_copy || !leads_away(&near.origin, weighed, past)? {
            return Ok(Some((near.origin, near.likeness)));
        }
    }
    Ok(None)
}

/// Whether a text of a story is like an item by what the story did not begin with: a headline of two events, `Rebels near Homs,
/// Israel raids hospital`, would lead from the one to the other.
fn leads_away<P: Recent + ?Sized>(
    origin: &Origin,
    weighed: &[Weighed],
    past: &P,
) -> Result<bool, P::Error> {
    let founder = match origin.founder.filter(|founder| *founder != origin.id) {
        Some(founder) => past.origin(founder)?,
        None => None,
    };
    Ok(founder.is_some_and(|founder| {
        let shared = Shared::of(weighed, &founder.words);
        shared.has_conflict && shared.cosine < FOUNDER_LIKENESS
    }))
}

/// The same page, retold; or the same title, unless the leads are strangers; or the same wording under another title, unless that
/// title is about something else: a lead that a site puts under everything makes no copies.
fn is_copy(telling: &Telling, origin: &Origin, found: &Found, shared: &Shared) -> bool {
    let wording = telling.sketch.likeness(&origin.sketch);
    // A front page, a running page, a page of a list: many items may share a link and tell different things.
    let has_no_words = telling.words.is_empty() || origin.words.is_empty();
    let is_same_page =
        shared.cosine >= SAME_PAGE_LIKENESS && shared.titled > 0 && !shared.has_conflict;
    if found.has_link && (has_no_words || is_same_page) {
        return true;
    }
    if found.has_title {
        return match telling.has_lead && origin.has_lead {
            true => wording >= SAME_TITLE_LIKENESS,
            false => !telling.is_digest,
        };
    }
    let are_both_kinds = telling.has_lead == origin.has_lead;
    let is_cut = wording >= CUT_LIKENESS && telling.sketch.overlap(&origin.sketch) >= CUT_OVERLAP;
    (wording >= COPY_LIKENESS || is_cut)
        && are_both_kinds
        && shared.titled > 0
        && !shared.has_conflict
        && !telling.is_digest
}

/// What two texts have in common.
struct Shared {
    words: usize,
    rarity: f32,
    cosine: f32,
    /// Shared words that stand in the title of one.
    titled: usize,
    /// A name is shared, or one of the texts has none.
    agrees_on_names: bool,
    /// Each has a distinctive word that the other lacks and that tells more than the best they share.
    has_conflict: bool,
}

impl Shared {
    /// Both by word.
    fn of(a: &[Weighed], b: &[Weighed]) -> Shared {
        let (mut words, mut rarity, mut dot, mut titled, mut names) = (0, 0.0_f32, 0.0, 0, 0);
        let mut best_shared = 0.0_f32;
        let mut best_own = [0.0_f32; 2];
        let mut rest = b.iter().peekable();
        for mine in a {
            while let Some(other) = rest.next_if(|other| other.word < mine.word) {
                if other.is_distinctive {
                    best_own[1] = best_own[1].max(other.rarity);
                }
            }
            match rest.next_if(|other| other.word == mine.word) {
                Some(other) => {
                    words += 1;
                    let least = mine.rarity.min(other.rarity);
                    rarity += least;
                    dot += mine.weight * other.weight;
                    names += usize::from(mine.is_name || other.is_name);
                    titled += usize::from(mine.is_in_title || other.is_in_title);
                    if mine.is_distinctive || other.is_distinctive {
                        best_shared = best_shared.max(mine.rarity.max(other.rarity));
                    }
                }
                None if mine.is_distinctive => best_own[0] = best_own[0].max(mine.rarity),
                None => {}
            }
        }
        for other in rest.filter(|other| other.is_distinctive) {
            best_own[1] = best_own[1].max(other.rarity);
        }
        let length = |words: &[Weighed]| {
            words
                .iter()
                .map(|word| word.weight * word.weight)
                .sum::<f32>()
                .sqrt()
        };
        let lengths = length(a) * length(b);
        let has_names = |words: &[Weighed]| words.iter().any(|word| word.is_name);
        let least_own = best_own[0].min(best_own[1]);
        let is_caseless = a.iter().any(|word| word.is_caseless && word.is_distinctive);
        let margin = if is_caseless {
            CONFLICT_MARGIN_CASELESS
        } else {
            CONFLICT_MARGIN
        };
        Shared {
            words,
            rarity,
            cosine: if lengths > 0.0 { dot / lengths } else { 0.0 },
            titled,
            agrees_on_names: names > 0 || !(has_names(a) && has_names(b)),
            has_conflict: least_own > 0.0 && least_own > best_shared + margin,
        }
    }
}
