//! Stories, corroboration and edits as receivers notice them.

use std::time::Duration;

use wirewatch::{
    model::Severity,
    rule::{Needs, Per, Raise, RuleSource, Text},
    time,
};

use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

const WIRE: &str = "Syrian rebels enter Homs after army withdraws\nRebels entered the central Syrian city of Homs on Friday night after the army withdrew from its bases, residents said.";
const OWN: &str = "Army pulls out of Homs as rebels enter Syrian city\nOur correspondent saw trucks with soldiers leave Homs for the coast before the first rebels came in from the north.";
const THIRD: &str = "Homs falls to Syrian rebels without a fight, army gone\nGunfire of joy and emptied barracks: the third city of Syria changed hands in Homs within hours, witnesses told us by phone.";

fn rule(id: &str, query: &str) -> RuleSource {
    RuleSource {
        id: id.to_owned(),
        title: "Armed group gains ground".to_owned(),
        severity: Severity::Medium,
        any: vec![Text {
            text: query.to_owned(),
            place: Default::default(),
        }],
        ..RuleSource::default()
    }
}

fn needs(publishers: u32) -> Option<Needs> {
    Some(Needs {
        publishers,
        within: 6 * HOUR,
    })
}

/// A world under these rules that has polled its feeds once.
async fn world(feeds: &[&str], rules: Vec<RuleSource>) -> World {
    let mut world = World::new(feeds, &["desk"]).await.with_rules(rules);
    world.start().await;
    world.pass(2 * MINUTE).await;
    world
}

/// What the desk was sent: revision, severity, items, publishers, origins; and whether all of it is one alert.
fn sent(world: &World) -> (Vec<String>, bool) {
    let arrivals = world.arrivals("desk");
    let mut ids: Vec<String> = arrivals
        .iter()
        .map(|arrival| arrival.alert["id"].as_str().unwrap().to_owned())
        .collect();
    ids.dedup();
    let one = |alert: &serde_json::Value| {
        let story = &alert["story"];
        format!(
            "{} {} of {} items, {} publishers, {} origins",
            alert["revision"],
            alert["severity"].as_str().unwrap(),
            story["items"],
            story["publishers"].as_array().unwrap().len(),
            story["origins"]
        )
    };
    (
        arrivals.iter().map(|arrival| one(&arrival.alert)).collect(),
        ids.len() == 1,
    )
}

async fn reasons(world: &World) -> Vec<(String, u64)> {
    world
        .store()
        .reasons(time::before(world.now(), 1000 * HOUR))
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_reprint_in_thirty_feeds_of_twelve_publishers_confirms_nothing() {
    let names: Vec<String> = (0..30)
        .map(|number| format!("paper{}-{number}", number % 12))
        .collect();
    let feeds: Vec<&str> = names.iter().map(String::as_str).chain(["own"]).collect();
    let rules = vec![
        rule("plain", "rebels"),
        RuleSource {
            needs: needs(2),
            ..rule("needs", "rebels")
        },
    ];
    let world = world(&feeds, rules).await;
    for name in &names {
        world.publish(name, "1", WIRE);
        world.pass(MINUTE).await;
    }
    world.pass(10 * MINUTE).await;
    assert_eq!(
        sent(&world),
        (
            vec!["1 medium of 1 items, 1 publishers, 1 origins".to_owned()],
            true
        )
    );
    world.publish("own", "1", OWN);
    world.pass(5 * MINUTE).await;
    let (alerts, _) = sent(&world);
    assert_eq!(
        alerts[1..],
        ["1 medium of 31 items, 13 publishers, 2 origins"]
    );
    let counted = [
        ("confirmed", 1),
        ("first-report", 1),
        ("held-needs-publishers", 30),
        ("same-origin", 29),
        ("same-story", 1),
    ];
    assert_eq!(
        reasons(&world).await,
        counted.map(|(reason, times)| (reason.to_owned(), times))
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_confirmed_in_time_expires_and_says_so() {
    let world = world(
        &["a", "b", "c"],
        vec![RuleSource {
            needs: needs(2),
            ..rule("needs", "rebels")
        }],
    )
    .await;
    world.publish("a", "1", WIRE);
    world.pass(8 * HOUR).await;
    assert_eq!(reasons(&world).await, [("needs-expired".to_owned(), 1)]);
    world.publish("b", "1", OWN);
    world.pass(HOUR).await;
    assert_eq!(
        sent(&world).0.len(),
        0,
        "the first report is eight hours old"
    );
    world.publish("c", "1", THIRD);
    world.pass(HOUR).await;
    assert_eq!(
        sent(&world).0,
        ["1 medium of 3 items, 3 publishers, 3 origins"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_higher_severity_passes_the_cooldown_as_a_revision_of_the_same_alert() {
    let raise = |to, publishers| Raise {
        to,
        publishers,
        within: 6 * HOUR,
    };
    let raised = RuleSource {
        cooldown: Some(24 * HOUR),
        raise: vec![raise(Severity::High, 2), raise(Severity::Critical, 3)],
        ..rule("raised", "rebels")
    };
    let mut world = world(&["a", "b", "c", "d"], vec![raised]).await;
    for (feed, text) in [
        ("a", WIRE),
        ("b", WIRE),
        ("b", OWN),
        ("c", THIRD),
        ("d", THIRD),
    ] {
        world.publish(feed, text.get(..20).unwrap(), text);
        world.pass(3 * MINUTE).await;
        // Nothing of it is kept in memory.
        world.kill();
        world.start().await;
        world.pass(3 * MINUTE).await;
    }
    let want = [
        "1 medium of 1 items, 1 publishers, 1 origins",
        "2 high of 3 items, 2 publishers, 2 origins",
        "3 critical of 4 items, 3 publishers, 3 origins",
    ];
    assert_eq!(sent(&world), (want.map(str::to_owned).to_vec(), true));
    let ids: Vec<String> = world
        .arrivals("desk")
        .into_iter()
        .map(|arrival| arrival.webhook_id)
        .collect();
    assert!(
        ids[0] != ids[1] && ids[1] != ids[2],
        "each revision is a delivery of its own: {ids:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_matched_again_and_kept() {
    let world = world(
        &["a"],
        vec![rule("rebels", "rebels"), rule("strike", "airstrike")],
    )
    .await;
    world.publish(
        "a",
        "1",
        "Fighting near Homs\nThe army and rebels fought near the city on Friday.",
    );
    world.pass(3 * MINUTE).await;
    assert_eq!(world.titles("desk").len(), 1);
    // Other words and no other rule.
    world.edit("a", |entries| {
        "Fighting at the gates of Homs\nThe army and rebels fought near the city on Friday."
            .clone_into(&mut entries[0].1)
    });
    world.pass(3 * MINUTE).await;
    assert_eq!(world.titles("desk").len(), 1);
    world.edit("a", |entries| "Airstrike on Homs as rebels reach its gates\nThe army and rebels fought near the city on Friday.".clone_into(&mut entries[0].1));
    world.pass(3 * MINUTE).await;
    assert_eq!(
        world.titles("desk"),
        [
            "Fighting near Homs",
            "Airstrike on Homs as rebels reach its gates"
        ]
    );
    let counted = [("edited", 1), ("first-report", 1)];
    assert_eq!(
        reasons(&world).await,
        counted.map(|(reason, times)| (reason.to_owned(), times))
    );
    let archived = world
        .store()
        .archive_after(0, time::before(world.now(), HOUR), 10)
        .await
        .unwrap();
    assert_eq!(archived.len(), 1, "it is one item");
    assert_eq!(
        archived[0].1.item.title,
        "Airstrike on Homs as rebels reach its gates"
    );
}

#[tokio::test(start_paused = true)]
async fn ids_that_change_all_at_once_alert_nobody_again() {
    let world = world(
        &["a"],
        vec![RuleSource {
            per: Per::Item,
            ..rule("all", "report*")
        }],
    )
    .await;
    for number in 0..12 {
        world.publish(
            "a",
            &format!("old-{number}"),
            &format!("Report number {number}"),
        );
        world.pass(MINUTE).await;
    }
    world.pass(3 * MINUTE).await;
    assert_eq!(world.titles("desk").len(), 12);
    for times in 0..3 {
        world.edit("a", |entries| {
            entries
                .iter_mut()
                .for_each(|entry| entry.0 = format!("{times}-{}", entry.0))
        });
        world.pass(3 * MINUTE).await;
        assert_eq!(world.titles("desk").len(), 12);
    }
    world.publish("a", "new", "Report of something else");
    world.pass(3 * MINUTE).await;
    assert_eq!(world.titles("desk").len(), 13);
}

#[tokio::test(start_paused = true)]
async fn the_same_story_told_five_times_under_other_titles_is_one_alert() {
    let titles = [
        "Syrian rebels enter Homs after army pulls out",
        "Rebels enter Homs as Syrian army withdraws",
        "Army pulls out of Homs and rebels enter the Syrian city",
        "Homs: Syrian rebels enter city, army withdraws",
        "Syria's army pulls out of Homs, rebel fighters enter",
    ];
    let world = world(&["a"], vec![rule("rebels", "rebel*")]).await;
    for (number, title) in titles.iter().enumerate() {
        world.publish("a", &number.to_string(), title);
        world.pass(20 * MINUTE).await;
    }
    assert_eq!(world.titles("desk"), [titles[0]]);
    assert_eq!(
        reasons(&world).await,
        [("first-report".to_owned(), 1), ("same-story".to_owned(), 4)]
    );
}
