use super::*;
use crate::{
    judge::{Decision, Joined, Memory, NewText},
    model::{Feed, Item},
    time::{self, Timestamp},
};

/// A report: hours since the beginning, title, lead.
type Report<'a> = (u64, &'a str, &'a str);

/// Items placed one after another; what each of them was found to be: the number of its story, and whether it is a copy.
struct Desk {
    past: Memory,
}

impl Desk {
    fn new() -> Desk {
        Desk {
            past: Memory::default(),
        }
    }

    fn takes(
        &mut self,
        number: usize,
        lang: &str,
        (hour, title, lead): Report<'_>,
    ) -> (usize, bool) {
        let at: Timestamp = "2024-12-06T00:00:00Z".parse().unwrap();
        let at = time::after(at, std::time::Duration::from_secs(hour * 3600));
        let item = Item {
            id: number.to_string(),
            title: title.to_owned(),
            summary: lead.to_owned(),
            lang: Some(lang.to_owned()),
            ..Item::default()
        };
        let telling = Telling::of(&Feed::named("desk"), &item);
        let placed = place(&telling, &self.past, at).unwrap();
        let beside = placed.beside.as_ref();
        let copied = beside
            .filter(|(_, likeness)| *likeness == Likeness::Copy)
            .map(|(text, _)| text.id);
        let decision = Decision {
            joined: Some(Joined {
                story: beside.map(|(text, _)| text.story),
                story_uid: number.to_string(),
                text: copied,
                founder: beside.and_then(|(text, _)| text.founder),
                origin: number.to_string(),
                publisher: telling.publisher,
                is_another_item: true,
                new_text: NewText {
                    keys: placed.keys,
                    is_digest: telling.is_digest,
                    has_lead: telling.has_lead,
                    is_representative: placed.is_representative,
                    sketch: telling.sketch,
                    words: placed.words,
                    counted: placed.counted,
                },
            }),
            ..Decision::default()
        };
        (self.past.record(at, &decision).unwrap(), copied.is_some())
    }
}

/// Reports of one language with the story each belongs to, by letters; a capital marks a copy.
fn check(lang: &str, rows: &[(char, Report<'_>)]) {
    let mut desk = Desk::new();
    let mut names: Vec<char> = Vec::new();
    for (number, (wanted, report)) in rows.iter().enumerate() {
        let (story, is_copy) = desk.takes(number, lang, *report);
        if story == names.len() {
            names.push(wanted.to_ascii_lowercase());
            assert!(
                names
                    .iter()
                    .filter(|name| **name == wanted.to_ascii_lowercase())
                    .count()
                    == 1,
                "{report:?} should have joined a story"
            );
        }
        assert_eq!(
            names[story],
            wanted.to_ascii_lowercase(),
            "the story of {report:?}"
        );
        assert_eq!(
            is_copy,
            wanted.is_ascii_uppercase(),
            "whether {report:?} is a copy"
        );
    }
}

#[test]
fn a_story_told_again_under_other_headlines_is_one() {
    check(
        "en",
        &[
            (
                'a',
                (0, "Syrian rebels enter Homs after army pulls out", ""),
            ),
            ('a', (1, "Rebels enter Homs as Syrian army withdraws", "")),
            (
                'a',
                (
                    2,
                    "Army pulls out of Homs and rebels enter the Syrian city",
                    "",
                ),
            ),
            (
                'a',
                (3, "Homs: Syrian rebels enter city, army withdraws", ""),
            ),
            (
                'a',
                (
                    5,
                    "Syria's army pulls out of Homs, rebel fighters enter",
                    "",
                ),
            ),
        ],
    );
    let lead = "Opposition fighters entered the central city of Homs late on Friday after government troops left their positions, residents and a war monitor said.";
    check(
        "en",
        &[
            ('a', (0, "Syrian rebels enter Homs", lead)),
            ('A', (1, "Homs falls to the opposition", lead)),
            ('A', (2, "Fighters take Syria's third city Homs", lead)),
        ],
    );
}

#[test]
fn two_events_of_one_kind_are_two_stories() {
    check(
        "en",
        &[
            (
                'a',
                (0, "Israeli air strike kills five Palestinians in Rafah", ""),
            ),
            (
                'b',
                (1, "Israeli air strike kills five Palestinians in Jenin", ""),
            ),
            ('c', (2, "Rebels capture Hama after army retreats", "")),
            ('d', (3, "Rebels capture Homs after army retreats", "")),
            (
                'e',
                (4, "Airstrike Hits Hospital in Idlib, Killing Doctors", ""),
            ),
            (
                'f',
                (4, "Airstrike Hits Hospital in Mukalla, Killing Doctors", ""),
            ),
        ],
    );
    check(
        "en",
        &[
            (
                'a',
                (
                    0,
                    "Air strike hits market in Khan Younis",
                    "An air strike hit a crowded market in Khan Younis on Friday, killing at least twelve people, health officials said.",
                ),
            ),
            (
                'b',
                (
                    1,
                    "Air strike hits school in Nuseirat",
                    "An air strike hit a crowded school in Nuseirat on Friday, killing at least nine people, health officials said.",
                ),
            ),
        ],
    );
    check(
        "ar",
        &[
            ('a', (0, "غارة جوية على سوق في إدلب تقتل خمسة مدنيين", "")),
            ('b', (1, "غارة جوية على سوق في حلب تقتل خمسة مدنيين", "")),
        ],
    );
    check(
        "ru",
        &[
            ('a', (0, "Авиаудар по рынку в Идлибе: пять погибших", "")),
            ('b', (1, "Авиаудар по рынку в Алеппо: пять погибших", "")),
        ],
    );
}

#[test]
fn copies_share_an_origin() {
    let lead = "Government forces withdrew from the city of Hama on Thursday after days of fighting with rebels, the army said in a statement, the second large city to fall in a week.";
    let edited = "Government forces withdrew from the city of Hama on Thursday after three days of fierce fighting with rebels, the army said in a statement, the second large city to fall in a week.";
    let own = "The loss of Hama, which the government held through the whole of the war, opens the road to Homs. Our correspondent watched columns of trucks leave before dawn.";
    check(
        "en",
        &[
            ('a', (0, "Syrian army withdraws from Hama", lead)),
            ('A', (1, "Syrian army withdraws from Hama", lead)),
            ('A', (2, "Army withdraws from Hama as rebels enter", edited)),
            (
                'a',
                (
                    3,
                    "Syrian army leaves Hama to the rebels, opening the road to Homs",
                    own,
                ),
            ),
            ('A', (30, "Syrian Army Withdraws From Hama!", "")),
            // Too long ago.
            ('b', (120, "Syrian army withdraws from Hama", lead)),
        ],
    );
    // A lead that a site puts under everything makes no copies.
    let same = "Follow the latest news, analysis and comment from our reporters around the world, every day of the week.";
    check(
        "en",
        &[
            ('a', (0, "Ferry sinks off Lesbos", same)),
            ('b', (1, "Parliament votes on budget", same)),
            ('c', (2, "Wildfire reaches Valparaiso", same)),
        ],
    );
    // One title over two texts.
    let (one, two) = (
        "Shares fell in Tokyo on Monday as traders sold chip makers and bought bonds before a meeting.",
        "Dozens of athletes withdrew before the final in Oslo, where snow had covered the whole track.",
    );
    check(
        "en",
        &[
            ('a', (0, "What happened on the markets today", one)),
            ('b', (20, "What happened on the markets today", two)),
        ],
    );
}

#[test]
fn one_link_under_different_reports_makes_no_copies() {
    let at: Timestamp = "2024-12-06T00:00:00Z".parse().unwrap();
    let place_of = |title: &str, past: &Memory| {
        let item = Item {
            title: title.to_owned(),
            url: "https://example.org/live?utm_source=rss".to_owned(),
            lang: Some("en".to_owned()),
            ..Item::default()
        };
        let telling = Telling::of(&Feed::named("desk"), &item);
        place(&telling, past, at).unwrap()
    };
    let mut desk = Desk::new();
    let first = place_of("Syrian rebels enter Homs", &desk.past);
    let joined = Joined {
        story: None,
        story_uid: "1".to_owned(),
        text: None,
        founder: None,
        origin: "1".to_owned(),
        publisher: "p".to_owned(),
        is_another_item: true,
        new_text: NewText {
            keys: first.keys,
            words: first.words,
            is_representative: true,
            ..NewText::default()
        },
    };
    let decision = Decision {
        joined: Some(joined),
        ..Decision::default()
    };
    desk.past.record(at, &decision);
    for (title, is_copy) in [
        ("Rebels now hold all of Homs", true),
        ("Ferry sinks off Lesbos", false),
        ("Syrian rebels enter Palmyra", false),
    ] {
        let placed = place_of(title, &desk.past);
        assert_eq!(placed.beside.is_some(), is_copy, "{title}");
    }
}

#[test]
fn what_gathers_many_events_swallows_none() {
    let day = "Israeli strikes hit Rafah, talks go on in Cairo, a ship was attacked off Yemen and protests were held in Amman.";
    check(
        "en",
        &[
            (
                'a',
                (
                    0,
                    "Israel-Gaza war live: strikes hit Rafah as talks go on in Cairo",
                    day,
                ),
            ),
            (
                'b',
                (1, "Israeli strikes hit Rafah as talks go on in Cairo", ""),
            ),
            (
                'c',
                (24, "Russia-Ukraine war: List of key events, day 600", ""),
            ),
            (
                'd',
                (48, "Russia-Ukraine war: List of key events, day 601", ""),
            ),
        ],
    );
}

#[test]
fn a_story_does_not_go_on_for_ever() {
    // The same siege said anew each day: after three days it is news again.
    let days = [
        "Rebels besiege army garrison in Homs",
        "Garrison in Homs holds out as rebels besiege it",
        "Besieged garrison in Homs runs out of water, rebels say",
        "Rebels tighten siege of Homs garrison",
        "Homs garrison: rebels besiege soldiers for fifth day",
        "Soldiers in besieged Homs garrison offered a way out by rebels",
    ];
    let mut desk = Desk::new();
    let stories: Vec<usize> = (0..days.len())
        .map(|day| desk.takes(day, "en", (day as u64 * 24, days[day], "")).0)
        .collect();
    assert_eq!(stories[..2], [0, 0], "{stories:?}");
    assert!(stories[4..].iter().all(|story| *story > 0), "{stories:?}");
    // The same words each day: a week.
    let mut desk = Desk::new();
    let stories: std::collections::BTreeSet<usize> = (0..20)
        .map(|day| {
            desk.takes(
                day,
                "en",
                (
                    day as u64 * 24,
                    "Rebels besiege Homs garrison in the north",
                    "",
                ),
            )
            .0
        })
        .collect();
    assert_eq!(stories.len(), 3, "{stories:?}");
}

#[test]
fn a_publisher_is_a_registrable_domain() {
    for (url, publisher) in [
        ("https://feeds.bbci.co.uk/news/world/rss.xml", "bbci.co.uk"),
        ("https://www.theguardian.com/world/rss", "theguardian.com"),
        ("http://RSS.Example.COM.:8080/x", "example.com"),
        ("https://user.github.io/feed", "user.github.io"),
        ("https://github.io/feed", "github.io"),
        ("http://127.0.0.1:8080/feed", "127.0.0.1"),
        ("http://[::1]/feed", "[::1]"),
        ("http://localhost/feed", "localhost"),
        ("file:///srv/news.xml", "/srv/news.xml"),
        ("not an address", ""),
    ] {
        assert_eq!(publisher_of(url), publisher, "{url}");
    }
}

#[test]
fn an_item_of_an_aggregator_has_its_own_publisher() {
    let google = "https://news.google.com/rss/search?q=syria";
    for (url, configured, source, source_url, publisher) in [
        (
            google,
            "",
            "Reuters",
            "https://www.reuters.com",
            "reuters.com",
        ),
        (google, "google", "Reuters", "", "Reuters"),
        (google, "", "", "", "google.com"),
        ("https://www.example.org/feed", "", "AFP", "", "AFP"),
        (
            "https://www.example.org/feed",
            "example",
            "AFP",
            "",
            "example",
        ),
        // It names itself.
        (
            "https://www.example.org/feed",
            "",
            "Example News",
            "https://www.example.org/",
            "example.org",
        ),
        ("", "", "The New Arab", "", "The New Arab"),
    ] {
        let mut feed = Feed::named("feed");
        url.clone_into(&mut feed.url);
        feed.publisher = match configured.is_empty() {
            true => publisher_of(url),
            false => configured.to_owned(),
        };
        let item = Item {
            source: source.to_owned(),
            source_url: source_url.to_owned(),
            ..Item::default()
        };
        assert_eq!(
            publisher_of_item(&feed, &item),
            publisher,
            "{url} {configured} {source}"
        );
    }
}

#[test]
fn families_count_once() {
    for (a, b, is_one) in [
        ("Reuters", "reuters.com", true),
        ("www.reuters.com", "reuters.com", true),
        ("bbc.co.uk", "BBC News", true),
        ("theguardian.com", "The Guardian", true),
        ("Sky News", "sky.com", true),
        ("alpha", "beta", false),
        ("127.0.0.1", "127.0.0.2", false),
        ("p1", "p12", false),
    ] {
        assert_eq!(family(a) == family(b), is_one, "{a} {b}");
    }
}

#[test]
fn a_byline_names_the_agency() {
    for (text, author, publisher, agency) in [
        ("LONDON (Reuters) - Shares fell.", "", "", Some("reuters")),
        (
            "KYIV, Dec 6 (Reuters) — Drones were shot down.",
            "",
            "",
            Some("reuters"),
        ),
        (
            "DAMASCUS, Syria (AP) — Rebels said on Friday",
            "",
            "",
            Some("ap"),
        ),
        ("AFP - Rebels said on Friday", "", "", Some("afp")),
        ("МОСКВА, 6 декабря. /ТАСС/. Войска", "", "", Some("tass")),
        ("دمشق (رويترز) - قالت", "", "", Some("reuters")),
        ("Rebels said on Friday. (dpa)", "", "", Some("dpa")),
        ("Rebels said on Friday.", "Associated Press", "", Some("ap")),
        ("Rebels said on Friday.", "By Reuters", "", Some("reuters")),
        (
            "Rebels said on Friday.",
            "Jane Doe, Reuters",
            "",
            Some("reuters"),
        ),
        ("Rebels said on Friday.", "", "reuters.com", Some("reuters")),
        (
            "Rebels told Reuters on Friday (Homs) that",
            "Jane Doe",
            "example.org",
            None,
        ),
        ("Smoke over Homs (Reuters/Ali Hashisho)", "", "", None),
        ("", "", "", None),
    ] {
        let item = Item {
            summary: text.to_owned(),
            author: author.to_owned(),
            ..Item::default()
        };
        assert_eq!(wire(&item, publisher), agency, "{text:?} {author:?}");
    }
}

#[test]
fn independent_reports_share_neither_publisher_nor_origin() {
    let at = |hour: u8| -> Timestamp { format!("2024-12-06T{hour:02}:00:00Z").parse().unwrap() };
    for (rows, since, count) in [
        (&[][..], 0, 0),
        (&[("p1", "x", 1)], 0, 1),
        // One text in three papers; three texts of one paper.
        (&[("p1", "x", 1), ("p2", "x", 1), ("p3", "x", 1)], 0, 1),
        (&[("p1", "x", 1), ("p1", "y", 1), ("p1", "z", 1)], 0, 1),
        (&[("p1", "x", 1), ("p2", "x", 1), ("p3", "y", 1)], 0, 2),
        // The paper that wrote its own also printed the other: that is the other's.
        (&[("p1", "x", 1), ("p1", "y", 1), ("p2", "x", 1)], 0, 2),
        (
            &[
                ("p1", "x", 1),
                ("p1", "y", 1),
                ("p1", "z", 1),
                ("p2", "x", 1),
                ("p3", "x", 1),
            ],
            0,
            2,
        ),
        (&[("Reuters", "x", 1), ("reuters.com", "y", 1)], 0, 1),
        // Too long ago.
        (&[("p1", "x", 1), ("p2", "y", 9)], 8, 1),
    ] {
        let told: Vec<Told> = rows
            .iter()
            .map(|(publisher, origin, hour)| Told {
                publisher: (*publisher).to_owned(),
                origin: (*origin).to_owned(),
                last: at(*hour),
            })
            .collect();
        assert_eq!(independent(&told, at(since)), count, "{rows:?}");
    }
}

#[test]
fn what_is_kept_of_a_text_comes_back_whole() {
    let words: Vec<u64> = (0..20).collect();
    let sketch = Sketch::of(&words);
    assert_eq!(Sketch::from_bytes(&sketch.to_bytes()), sketch);
    assert_eq!(
        sketch.likeness(&Sketch::of(&words[..19])),
        sketch
            .likeness(&sketch)
            .min(sketch.likeness(&Sketch::of(&words[..19])))
    );
    assert!(sketch.likeness(&Sketch::of(&(40..60).collect::<Vec<_>>())) < 0.1);
    let weighed = vec![Weighed {
        word: 7,
        rarity: 3.5,
        weight: 2.1,
        is_in_title: true,
        is_distinctive: true,
        is_name: false,
        is_caseless: true,
    }];
    assert_eq!(Weighed::from_bytes(&Weighed::to_bytes(&weighed)), weighed);
}

#[test]
fn a_headline_of_two_events_leads_from_neither_to_the_other() {
    check(
        "en",
        &[
            (
                'a',
                (
                    0,
                    "Thousands flee Syrian city of Homs as rebels close in",
                    "Thousands of residents fled the central Syrian city of Homs on Friday as rebels closed in from the north.",
                ),
            ),
            (
                'a',
                (
                    1,
                    "Syrian rebels close in on Homs, Israeli troops raid Kamal Adwan hospital",
                    "Residents fled Homs as rebels closed in, while Israeli troops raided Kamal Adwan hospital in Beit Lahiya.",
                ),
            ),
            (
                'b',
                (
                    2,
                    "Israeli troops raid Kamal Adwan hospital in Beit Lahiya",
                    "Israeli troops raided Kamal Adwan hospital in Beit Lahiya and ordered patients and doctors into the courtyard.",
                ),
            ),
        ],
    );
}

#[test]
fn what_gathers_a_day_joins_what_it_mostly_tells_and_stands_for_nothing() {
    let report = "Dozens of people were killed in an Israeli strike on the Jabalia refugee camp, the health ministry said.";
    check(
        "en",
        &[
            (
                'a',
                (
                    0,
                    "Dozens killed in Israeli strike on Jabalia refugee camp",
                    report,
                ),
            ),
            (
                'a',
                (
                    2,
                    "Photos: dozens killed in Israeli strike on Jabalia camp",
                    "Rescuers searched the rubble of the Jabalia refugee camp after an Israeli strike killed dozens.",
                ),
            ),
            // The other way round each report is news.
            (
                'b',
                (5, "Live: Kherson shelled, bridge at Beryslav destroyed", ""),
            ),
            (
                'c',
                (
                    6,
                    "Bridge at Beryslav destroyed by shelling, Kherson says",
                    "",
                ),
            ),
        ],
    );
}
