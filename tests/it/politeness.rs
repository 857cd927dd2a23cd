//! How servers are asked, one rule a row, each with its source. Every feed is asked each minute where nothing else is said;
//! the world begins on a Monday at 08:00 UTC.
//!
//! What the network door does by itself stands in `net`: the exact address, one User-Agent with contact, no cookies, no
//! Referer, which redirects are permanent. Starts at one host are apart: `schedule::agenda`.

use std::time::Duration;

use crate::world::{Asked, Mood, World};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A world with one feed that lists one item, and is not asked yet.
async fn one_feed() -> World {
    let world = World::new(&["coast-news"], &[]).await;
    world.publish("coast-news", "1", "Nothing to tell");
    world
}

/// When the second request comes after the first, in seconds; asked again after a restart in between.
async fn second_request(mut world: World, at_most: Duration) -> f64 {
    world.start().await;
    world.pass(MINUTE / 2).await;
    world.kill();
    world.start().await;
    world.pass(at_most).await;
    let requests = world.requests("coast-news");
    assert!(requests.len() > 1, "one request in {at_most:?}");
    (requests[1].after - requests[0].after).as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn what_servers_and_feeds_wish_for() {
    const MAX_AGE: &str = "RFC 9111, 5.2.2.1";
    const RETRY_AFTER: &str = "RFC 9110, 10.2.3";
    const TTL: &str = "RSS 2.0, ttl";
    const SKIP: &str = "RSS 2.0, skipHours and skipDays";
    const UPDATES: &str = "RSS 1.0 Syndication Module, updatePeriod and updateFrequency";
    let ok = |headers| Mood::Says(200, headers);
    // An answer's headers, what the document says, and the seconds until the next request.
    for (source, mood, channel, expected_s) in [
        ("nothing is said: the interval", Mood::Well, "", 60),
        (MAX_AGE, ok(&[("cache-control", "max-age=600")]), "", 600),
        (
            MAX_AGE,
            ok(&[("cache-control", "public, max-age=10")]),
            "",
            60,
        ),
        (
            "a year is a day",
            ok(&[("cache-control", "max-age=31536000")]),
            "",
            86_400,
        ),
        (
            "RFC 9111, 5.2.2.4, no-cache",
            ok(&[("cache-control", "no-cache, max-age=600")]),
            "",
            60,
        ),
        (
            "RFC 9111, 5.2.2.5, no-store",
            ok(&[("cache-control", "no-store, max-age=600")]),
            "",
            60,
        ),
        (
            "RFC 9111, 4.2.3, age",
            ok(&[("cache-control", "max-age=600"), ("age", "300")]),
            "",
            300,
        ),
        (
            "RFC 9111, 5.3, Expires",
            ok(&[("expires", "Mon, 02 Mar 2026 08:10:00 GMT")]),
            "",
            600,
        ),
        ("RFC 9111, 5.3, invalid", ok(&[("expires", "0")]), "", 60),
        (
            "RFC 9111, 5.3, max-age outranks it",
            ok(&[
                ("expires", "Mon, 02 Mar 2026 09:00:00 GMT"),
                ("cache-control", "max-age=120"),
            ]),
            "",
            120,
        ),
        (TTL, Mood::Well, "<ttl>10</ttl>", 600),
        (
            TTL,
            ok(&[("cache-control", "max-age=900")]),
            "<ttl>10</ttl>",
            900,
        ),
        (
            SKIP,
            Mood::Well,
            "<skipHours><hour>8</hour></skipHours>",
            3600,
        ),
        (
            SKIP,
            Mood::Well,
            "<skipHours><hour>8</hour><hour>9</hour></skipHours>",
            7200,
        ),
        (
            SKIP,
            Mood::Well,
            "<skipHours><hour>9</hour></skipHours>",
            60,
        ),
        (
            SKIP,
            Mood::Well,
            "<skipDays><day>Monday</day></skipDays>",
            57_600,
        ),
        (
            UPDATES,
            Mood::Well,
            "<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>",
            1800,
        ),
        (
            UPDATES,
            Mood::Well,
            "<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>600</sy:updateFrequency>",
            60,
        ),
        (
            RETRY_AFTER,
            Mood::AsksToWait {
                status: 429,
                s: 1800,
            },
            "",
            1800,
        ),
        (
            RETRY_AFTER,
            Mood::AsksToWait {
                status: 503,
                s: 1800,
            },
            "",
            1800,
        ),
        (
            RETRY_AFTER,
            Mood::Says(429, &[("retry-after", "Mon, 02 Mar 2026 08:30:00 GMT")]),
            "",
            1800,
        ),
        (
            "a date counts from the server's clock",
            Mood::Says(
                503,
                &[
                    ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
                    ("retry-after", "Thu, 01 Jan 1970 00:30:00 GMT"),
                ],
            ),
            "",
            1800,
        ),
        (
            "never sooner than the interval",
            Mood::AsksToWait { status: 429, s: 5 },
            "",
            60,
        ),
    ] {
        let world = one_feed().await;
        world.feed_says("coast-news", channel);
        world.feed_is("coast-news", mood);
        let at_most = Duration::from_secs(expected_s + 1800);
        let found = second_request(world, at_most).await;
        let told = format!("{source}: {mood:?} {channel} {found}");
        // Less the way of the first answer; more by the spread of feeds that began together, and of hours to skip.
        let (least, most) = (expected_s as f64 - 1.0, expected_s as f64 + 76.0);
        assert!((least..=most).contains(&found), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_says_nothing_new_keeps_its_wishes() {
    // A 304 has no document, and may leave out the headers (RFC 9111, 4.3.4).
    for (mood, channel) in [
        (Mood::Well, "<ttl>20</ttl>"),
        (Mood::Says(200, &[("cache-control", "max-age=1200")]), ""),
    ] {
        let mut world = one_feed().await;
        world.feed_says("coast-news", channel);
        world.feed_is("coast-news", mood);
        world.start().await;
        world.pass(MINUTE).await;
        world.feed_is("coast-news", Mood::Well);
        world.pass(4 * HOUR).await;
        let requests = world.requests("coast-news");
        assert!(
            (11..=13).contains(&requests.len()),
            "{channel}: {}",
            requests.len()
        );
        for pair in requests.windows(2) {
            assert!(pair[1].after - pair[0].after >= 20 * MINUTE, "{pair:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_validator_that_no_server_would_take_back_is_not_kept() {
    for (bytes, is_kept) in [(4096, true), (65_536, false)] {
        let etag: &'static str = Box::leak("x".repeat(bytes).into_boxed_str());
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("etag", etag)]));
        let mut world = one_feed().await;
        world.feed_is("coast-news", Mood::Says(200, headers));
        world.start().await;
        world.pass(10 * MINUTE).await;
        let requests = world.requests("coast-news");
        assert!(requests.len() >= 9, "{}", requests.len());
        let given_back = requests.iter().filter(|asked| asked.is_conditional).count();
        let expected = if is_kept { requests.len() - 1 } else { 0 };
        assert_eq!(given_back, expected, "{bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_end_at_once() {
    // RFC 9110, 15.5 and 15.6; how many requests a status draws in a day and a half, and in the hour after the end of it.
    for (mood, in_failure, after) in [
        (Mood::Answers(404), 8..=13, 5..=7),
        (Mood::Answers(403), 8..=13, 5..=7),
        (Mood::Answers(500), 8..=13, 5..=7),
        // 15.5.11: gone, and not asked again.
        (Mood::Answers(410), 1..=1, 0..=0),
        // 200 with something else in it: ever more rarely, hourly at last.
        (Mood::Page, 50..=60, 5..=7),
    ] {
        let mut world = one_feed().await;
        world.poll_every(10 * MINUTE);
        world.start().await;
        world.pass(MINUTE / 2).await;
        world.feed_is("coast-news", mood);
        world.pass(36 * HOUR).await;
        let failed = world.requests("coast-news").len() - 1;
        assert!(in_failure.contains(&failed), "{mood:?}: {failed}");
        world.feed_is("coast-news", Mood::Well);
        // The longest wait is a day.
        world.pass(25 * HOUR).await;
        let before = world.requests("coast-news").len();
        world.pass(HOUR).await;
        let recovered = world.requests("coast-news").len() - before;
        assert!(after.contains(&recovered), "{mood:?}: {recovered}");
        // What was known before is asked for, all the while; once it may be wrong, a day and more after the last listing.
        let requests = world.requests("coast-news");
        let whole = |asked: &&Asked| !asked.is_conditional;
        let in_failure = requests.iter().take(failed + 2);
        assert_eq!(in_failure.filter(whole).count(), 1, "{mood:?}");
        assert!(requests.iter().filter(whole).count() <= 2, "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn permanent_moves_are_remembered_and_others_not() {
    // RFC 9110, 15.4.2 and 15.4.9 (301, 308); 15.4.3 and 15.4.8 (302, 307). A restart forgets none.
    for (is_permanent, at_old, at_new) in [(true, 1, 40), (false, 100, 0)] {
        let mut world = one_feed().await;
        world.add_server("new-home");
        let mood = Mood::RedirectsTo {
            feed: "new-home",
            is_permanent,
        };
        world.feed_is("coast-news", mood);
        world.start().await;
        world.pass(HOUR).await;
        world.kill();
        world.start().await;
        world.pass(HOUR).await;
        let (old, new) = (
            world.requests("coast-news").len(),
            world.requests("new-home").len(),
        );
        match is_permanent {
            true => assert_eq!(old, at_old, "the old address"),
            false => assert!(old > at_old, "the old address: {old}"),
        }
        assert!(
            new >= at_new && (is_permanent || new == 0),
            "the new address: {new}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_failure_at_an_unproven_address_leads_back() {
    let mut world = one_feed().await;
    world.add_server("new-home");
    world.feed_is("new-home", Mood::Answers(404));
    let mood = Mood::RedirectsTo {
        feed: "new-home",
        is_permanent: true,
    };
    world.feed_is("coast-news", mood);
    world.start().await;
    world.pass(MINUTE / 2).await;
    world.feed_is("coast-news", Mood::Well);
    world.pass(HOUR).await;
    assert_eq!(world.requests("new-home").len(), 1);
    assert!(world.requests("coast-news").len() > 50);
}

#[tokio::test(start_paused = true)]
async fn validators_are_given_back_byte_for_byte_and_never_invented() {
    // RFC 9110, 13.1.2 and 13.1.3.
    let mut world = one_feed().await;
    world.feed_is(
        "coast-news",
        Mood::Says(200, &[("last-modified", "yesterday, perhaps")]),
    );
    world.start().await;
    world.pass(10 * MINUTE).await;
    let requests = world.requests("coast-news");
    let sent = |request: usize, name: &str| {
        let headers = requests[request].headers.iter();
        let mut found = headers.filter(|(header, _)| header == name);
        found.next().map(|(_, value)| value.clone())
    };
    for name in ["if-none-match", "if-modified-since"] {
        assert_eq!(sent(0, name), None);
    }
    for request in 1..requests.len() {
        assert_eq!(sent(request, "if-none-match").unwrap(), b"W/\"a  \xe9\xff2");
        assert_eq!(
            sent(request, "if-modified-since").unwrap(),
            b"yesterday, perhaps"
        );
    }
    for unwanted in ["cookie", "referer", "user-agent"] {
        assert!(sent(1, unwanted).is_none(), "{unwanted}");
    }
}
