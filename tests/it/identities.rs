//! Feeds whose ids are no promise: what was told is not told again, and nothing is taken for what it is not.

use std::time::Duration;

use wirewatch::{
    model::Severity,
    rule::{Per, RuleSource, Text},
};

use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

/// Guid, link, title, text, minute of publication; what is empty is left out.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

fn written(rows: &[Row<'_>]) -> String {
    let element = |name: &str, text: &str| match text.is_empty() {
        true => String::new(),
        false => format!("<{name}>{text}</{name}>"),
    };
    let one = |(guid, link, title, text, minute): &Row<'_>| {
        let published = match minute.is_empty() {
            true => String::new(),
            false => format!("Mon, 02 Mar 2026 07:{minute}:00 GMT"),
        };
        format!(
            "<item>{}{}{}{}{}</item>",
            element("guid", guid),
            element("link", link),
            element("title", title),
            element("description", text),
            element("pubDate", &published)
        )
    };
    rows.iter().map(one).collect()
}

/// The titles that the desk is sent by documents listed one after the other, each polled twice.
async fn told(documents: &[&[Row<'_>]]) -> Vec<String> {
    let everything = RuleSource {
        id: "all".to_owned(),
        title: "A report".to_owned(),
        severity: Severity::Medium,
        per: Per::Item,
        any: vec![Text {
            text: "report".to_owned(),
            place: Default::default(),
        }],
        ..RuleSource::default()
    };
    let mut world = World::new(&["a"], &["desk"])
        .await
        .with_rules(vec![everything]);
    world.start().await;
    world.pass(2 * MINUTE).await;
    for document in documents {
        for _ in 0..2 {
            world.feed_says("a", &written(document));
            world.pass(2 * MINUTE).await;
        }
    }
    let mut titles = world.titles("desk");
    titles.sort();
    titles
}

const A: &str = "Report: rebels seize border town";
const B: &str = "Report: minister quits over budget";
const C: &str = "Report: storm floods the harbour";
const D: &str = "Report: truce talks open in Geneva";
const E: &str = "Report: navy sends a frigate south";

#[tokio::test(start_paused = true)]
async fn ids_that_number_places_hide_no_item() {
    let of_places = [
        &[
            ("1", "http://x.example/a", A, "Of A", "10"),
            ("2", "http://x.example/b", B, "Of B", "05"),
        ][..],
        &[
            ("1", "http://x.example/c", C, "Of C", "20"),
            ("2", "http://x.example/a", A, "Of A", "10"),
        ],
        &[
            ("1", "http://x.example/d", D, "Of D", "30"),
            ("2", "http://x.example/c", C, "Of C", "20"),
        ],
    ];
    assert_eq!(told(&of_places).await, [A, B, C, D].sorted());
    // Links too, one item more in the end.
    let of_links = [
        &[
            ("", "http://x.example/1", A, "Of A", "10"),
            ("", "http://x.example/2", B, "Of B", "05"),
        ][..],
        &[
            ("", "http://x.example/1", C, "Of C", "20"),
            ("", "http://x.example/2", A, "Of A", "10"),
        ],
        &[
            ("", "http://x.example/1", D, "Of D", "30"),
            ("", "http://x.example/2", C, "Of C", "20"),
        ],
        &[
            ("", "http://x.example/1", E, "Of E", "40"),
            ("", "http://x.example/2", D, "Of D", "30"),
            ("", "http://x.example/3", C, "Of C", "20"),
        ],
    ];
    assert_eq!(told(&of_links).await, [A, B, C, D, E].sorted());
}

#[tokio::test(start_paused = true)]
async fn an_id_for_whatever_is_latest_hides_no_item() {
    let latest = [
        &[("latest", "http://x.example/a", A, "Of A", "10")][..],
        &[("latest", "http://x.example/b", B, "Of B", "20")],
        &[("latest", "http://x.example/c", C, "Of C", "30")],
    ];
    assert_eq!(told(&latest).await, [A, B, C].sorted());
    // An edit, though the link changes with every answer.
    let reworded = "Report: rebels seize the border town of Azaz";
    let edited = [
        &[("one", "http://x.example/?t=1", A, "Of A", "10")][..],
        &[(
            "one",
            "http://x.example/?t=2",
            reworded,
            "Of A, again",
            "20",
        )],
    ];
    assert_eq!(told(&edited).await, [A]);
}

#[tokio::test(start_paused = true)]
async fn what_has_another_id_or_address_is_not_told_again() {
    let of_three: [(&str, [[Row<'_>; 3]; 2]); 5] = [
        (
            "editions of a page, another time with them",
            [
                [
                    (
                        "http://x.example/a#0",
                        "http://x.example/a",
                        A,
                        "Of A",
                        "10",
                    ),
                    (
                        "http://x.example/b#0",
                        "http://x.example/b",
                        B,
                        "Of B",
                        "11",
                    ),
                    (
                        "http://x.example/c#0",
                        "http://x.example/c",
                        C,
                        "Of C",
                        "12",
                    ),
                ],
                [
                    (
                        "http://x.example/a#1",
                        "http://x.example/a",
                        A,
                        "Of A",
                        "30",
                    ),
                    (
                        "http://x.example/b#0",
                        "http://x.example/b",
                        B,
                        "Of B",
                        "11",
                    ),
                    (
                        "http://x.example/c#2",
                        "http://x.example/c",
                        C,
                        "Of C",
                        "31",
                    ),
                ],
            ],
        ),
        (
            "new ids of undated items",
            [
                [
                    ("1", "http://x.example/a", A, "Of A", ""),
                    ("2", "http://x.example/b", B, "Of B", ""),
                    ("3", "http://x.example/c", C, "Of C", ""),
                ],
                [
                    ("7", "http://x.example/a", A, "Of A", ""),
                    ("2", "http://x.example/b", B, "Of B", ""),
                    ("3", "http://x.example/c", C, "Of C", ""),
                ],
            ],
        ),
        (
            "a link that was corrected",
            [
                [
                    ("", "http://x.example/a", A, "Of A", "10"),
                    ("", "http://x.example/b", B, "Of B", "11"),
                    ("", "http://x.example/c", C, "Of C", "12"),
                ],
                [
                    ("", "http://x.example/a-corrected", A, "Of A", "10"),
                    ("", "http://x.example/b", B, "Of B", "11"),
                    ("", "http://x.example/c", C, "Of C", "12"),
                ],
            ],
        ),
        (
            "another domain",
            [
                [
                    ("", "http://x.example/a", A, "Of A", "10"),
                    ("", "http://x.example/b", B, "Of B", "11"),
                    ("", "http://x.example/c", C, "Of C", "12"),
                ],
                [
                    ("", "http://news.example/a", A, "Of A", "10"),
                    ("", "http://news.example/b", B, "Of B", "11"),
                    ("", "http://news.example/c", C, "Of C", "12"),
                ],
            ],
        ),
        (
            "a token in the links of undated items",
            [
                [
                    ("", "http://x.example/a?t=1", A, "Of A", ""),
                    ("", "http://x.example/b?t=1", B, "Of B", ""),
                    ("", "http://x.example/c?t=1", C, "Of C", ""),
                ],
                [
                    ("", "http://x.example/a?t=2", A, "Of A", ""),
                    ("", "http://x.example/b?t=2", B, "Of B", ""),
                    ("", "http://x.example/c?t=2", C, "Of C", ""),
                ],
            ],
        ),
    ];
    for (case, [before, after]) in of_three {
        assert_eq!(told(&[&before, &after]).await, [A, B, C].sorted(), "{case}");
    }
}

/// What is raised again under an id and a time of its own is another event, whatever its words.
#[tokio::test(start_paused = true)]
async fn an_alarm_that_is_raised_again_is_told_again() {
    let page = "http://alarms.example/kyiv";
    let alarms = [
        &[(
            "1",
            page,
            "Report: air raid alert in Kyiv",
            "Take cover",
            "10",
        )][..],
        &[],
        &[(
            "2",
            page,
            "Report: air raid alert in Kyiv",
            "Take cover",
            "40",
        )],
    ];
    assert_eq!(told(&alarms).await.len(), 2);
}

trait Sorted {
    fn sorted(self) -> Vec<String>;
}

impl<const N: usize> Sorted for [&str; N] {
    fn sorted(self) -> Vec<String> {
        let mut titles: Vec<String> = self.iter().map(|title| (*title).to_owned()).collect();
        titles.sort();
        titles
    }
}
