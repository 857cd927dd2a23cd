//! Every key of the configuration: its kind, its default, what it means. `wirewatch check --schema` prints this table.

mod receivers;

use std::time::Duration;

use super::shape::{
    Key,
    Kind::{self, *},
    Shape,
};

pub use receivers::{RECEIVER, RECEIVER_TYPES};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The longest time that any key takes, ten years: what `time::parse_duration` takes.
const EVER: Duration = Duration::from_secs(3650 * 86_400);

/// Shorter poll intervals are errors.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

const ANY_TIME: Kind = Time {
    min: Duration::ZERO,
    max: EVER,
};

/// At least a second.
const WINDOW: Kind = Time {
    min: SECOND,
    max: EVER,
};

/// One whole configuration file; files that are included are of the same shape.
pub static FILE: Shape = Shape {
    path: "",
    about: "wirewatch's configuration. Files named by `include` are of the same shape.",
    keys: &[
        Key::new(
            "include",
            Texts,
            "Further files: paths and globs, relative to this file.",
        )
        .examples(&[r#"["rules/*.toml", "feeds/*.toml"]"#]),
        Key::new("store", Table(&STORE), STORE.about),
        Key::new("poll", Table(&POLL), POLL.about),
        Key::new("web", Table(&WEB), WEB.about),
        Key::new("notices", Table(&NOTICES), NOTICES.about),
        Key::new(
            "feeds",
            Named(&FEED),
            "The feeds to watch, by name: `[feeds.bbc-world]`.",
        ),
        Key::new(
            "receivers",
            Receivers(RECEIVER_TYPES),
            "Where alerts go, by name: `[receivers.desk]`.",
        ),
        Key::new(
            "lists",
            Named(&LIST),
            "Lists of words that rules share, by name: `[lists.armed-group]`, used as `@armed-group`.",
        ),
        Key::new(
            "rules",
            Named(&RULE),
            "What to look for, by name: `[rules.rebel-advance]`.",
        ),
    ],
};

pub static STORE: Shape = Shape {
    path: "store",
    about: "Where items, alerts and owed deliveries are kept.",
    keys: &[
        Key::new(
            "url",
            Text,
            "The database: `sqlite:` and a path, relative to $STATE_DIRECTORY where that is set, else to the working directory.",
        )
        .default(r#""sqlite:wirewatch.db""#)
        .examples(&[r#""sqlite:wirewatch.db""#, r#""sqlite:/var/lib/wirewatch/wirewatch.db""#]),
        Key::new(
            "keep",
            Time { min: HOUR, max: EVER },
            "How long items, alerts and settled deliveries are kept: the archive's horizon.",
        )
        .default(r#""90d""#),
    ],
};

pub static POLL: Shape = Shape {
    path: "poll",
    about: "How feeds are asked. A feed may have its own interval, adaptive, max_interval, timeout, max_body and backfill.",
    keys: &[
        INTERVAL.default(r#""5m""#),
        ADAPTIVE.default("true"),
        MAX_INTERVAL.default(r#""1h""#),
        TIMEOUT.default(r#""30s""#),
        MAX_BODY.default(r#""10MiB""#),
        Key::new(
            "concurrency",
            Integer {
                min: 1,
                max: 10_000,
            },
            "Polls in flight at once.",
        )
        .default("256"),
        Key::new(
            "per_host",
            Integer { min: 1, max: 1000 },
            "Polls in flight at once to one host.",
        )
        .default("2"),
        BACKFILL.default(r#""24h""#),
        Key::new(
            "contact",
            Text,
            "A mail or web address for the owners of feeds: part of the User-Agent.",
        )
        .examples(&[r#""ops@example.org""#]),
        Key::new(
            "allow_private",
            Bool,
            "Whether feeds may stand on private, loopback and link-local addresses.",
        )
        .default("false"),
    ],
};

const INTERVAL: Key = Key::new(
    "interval",
    Time {
        min: INTERVAL_MIN,
        max: DAY.saturating_mul(30),
    },
    "The shortest time between two polls of a feed. Servers may lengthen it.",
);
const ADAPTIVE: Key = Key::new(
    "adaptive",
    Bool,
    "Whether the time between polls may grow from `interval` to `max_interval` by the feed's own rhythm.",
);
const MAX_INTERVAL: Key = Key::new(
    "max_interval",
    Time {
        min: INTERVAL_MIN,
        max: DAY.saturating_mul(30),
    },
    "The longest time between two polls of a feed that answers.",
);
const TIMEOUT: Key = Key::new(
    "timeout",
    Time {
        min: INTERVAL_MIN,
        max: Duration::from_secs(600),
    },
    "For one whole poll, redirects and body included.",
);
const MAX_BODY: Key = Key::new(
    "max_body",
    Bytes {
        min: 1 << 10,
        max: 1 << 30,
    },
    "The most bytes a feed may have, after decompression.",
)
.examples(&[r#""512KiB""#, r#""10MiB""#]);
const BACKFILL: Key = Key::new(
    "backfill",
    ANY_TIME,
    "On first contact with a feed, items published longer ago than this are recorded, not alerted.",
);

pub static WEB: Shape = Shape {
    path: "web",
    about: "The web server: pages, API, metrics, and where hubs push feeds to. Absent: no web server.",
    keys: &[
        Key::new("listen", Text, "Address and port.")
            .required()
            .examples(&[r#""127.0.0.1:9119""#]),
        Key::new(
            "token",
            Secret,
            "What a visitor must show, as `Authorization: Bearer` or as the password of a browser. Needed where `listen` is not loopback.",
        )
            .examples(&[r#"{ file = "token" }"#]),
        Key::new(
            "public_url",
            Text,
            "How hubs reach this server: with it, feeds that name a WebSub hub are pushed, and polled only as a backstop.",
        )
        .examples(&[r#""https://wirewatch.example.org""#]),
    ],
};

pub static NOTICES: Shape = Shape {
    path: "notices",
    about: "Who is told about wirewatch itself: silent feeds, failing receivers, a configuration that was not taken. Absent: only the log and `wirewatch alerts`.",
    keys: &[Key::new(
        "to",
        Texts,
        "Names of receivers. They get every notice, whatever their own rules, tags and min_severity say; nobody else gets any.",
    )
    .required()
    .examples(&[r#"["ops"]"#])],
};

pub static FEED: Shape = Shape {
    path: "feeds.*",
    about: "One feed. Its name is its id: history belongs to the name.",
    keys: &[
        Key::new("url", Text, "Address of the feed: https, http, or file.")
            .required()
            .examples(&[r#""https://feeds.bbci.co.uk/news/world/rss.xml""#]),
        Key::new(
            "publisher",
            Text,
            "The family that counts once in corroboration. Absent: the site's registrable domain.",
        )
        .examples(&[r#""bbc""#]),
        Key::new(
            "tags",
            Texts,
            "Words that rules choose feeds by: `feeds = [\"tag:wire\"]`.",
        )
        .examples(&[r#"["wire", "en"]"#]),
        Key::new(
            "lang",
            Lang,
            "The feed's language. Absent: the feed's own word, else detected.",
        )
        .examples(&[r#""en""#]),
        INTERVAL,
        ADAPTIVE,
        MAX_INTERVAL,
        TIMEOUT,
        MAX_BODY,
        BACKFILL,
    ],
};

/// The keys that every receiver has, whatever its type.
pub static LIST: Shape = Shape {
    path: "lists.*",
    about: "One list of words: an array for each language (`en`, `ar`, …), or `any` where the language does not matter.",
    keys: &[],
};

/// What `[rules]` may hold beside the rules themselves. A table of that name is a rule all the same.
pub static RULES_WATCH: Key = Key::new(
    "watch",
    Bool,
    "Whether `wirewatch run` takes a saved file over by itself, as on SIGHUP.",
)
.default("false");

pub static RULE: Shape = Shape {
    path: "rules.*",
    about: "One rule. It matches where at least one entry of `any` (if given) and every entry of `all` match and no entry of `none` does.",
    keys: &[
        Key::new("title", Text, "What an alert of this rule is called. Absent: the rule's name.").examples(&[r#""Armed group gains ground""#]),
        Key::new("severity", Severity, "How much an alert of this rule matters.").default(r#""medium""#),
        Key::new("tags", Texts, "Words that receivers choose alerts by.").examples(&[r#"["syria"]"#]),
        Key::new("any", Queries, "Queries of which at least one must match.")
            .examples(&[r#"["rebel advance", "@armed-group NEAR/8 (advance OR capture OR seize)"]"#]),
        Key::new("all", Queries, "Queries that must all match.").examples(&[r#"["Syria OR Homs"]"#]),
        Key::new("none", Queries, "Queries of which none may match.").examples(&[r#"["title:(anniversary OR film)"]"#]),
        Key::new(
            "scope",
            Choice(&["lead", "title", "all"]),
            "Where bare words are looked for: the title and the first 60 words, the title, or everything.",
        )
        .default(r#""lead""#),
        Key::new("langs", Langs, "Languages of items this rule looks at; absent: any.").examples(&[r#"["en"]"#]),
        Key::new("feeds", Globs, "Feeds this rule looks at: globs over names, or `tag:` and a glob over tags; absent: any.").examples(&[r#"["bbc-*", "tag:wire"]"#]),
        Key::new(
            "per",
            Choice(&["story", "item"]),
            "One living alert for each story, or one alert for each matching item.",
        )
        .default(r#""story""#),
        Key::new("cooldown", ANY_TIME, "Per story: no further alert for this long; a higher severity always passes.").examples(&[r#""2h""#]),
        Key::new("needs", Table(&NEEDS), NEEDS.about).examples(&[r#"{ publishers = 2, within = "6h" }"#]),
        Key::new("raise", Tables(&RAISE), "The same alert, lifted when the story grows.").examples(&[r#"[{ to = "critical", publishers = 3, within = "6h" }]"#]),
        Key::new("burst", Table(&BURST), BURST.about).examples(&[r#"{ times = 3, window = "1h", baseline = "14d", at_least = 6 }"#]),
        Key::new("fire", Queries, "Headlines that must match: run by `check` and before every reload.").examples(&[r#"["Rebel forces advanced rapidly toward Homs"]"#]),
        Key::new("ignore", Queries, "Headlines that must not match.").examples(&[r#"["Rebel Wilson captures hearts at premiere"]"#]),
    ],
};

const PUBLISHERS: Key = Key::new(
    "publishers",
    Integer { min: 1, max: 1000 },
    "Independent publishers.",
)
.required();
const WITHIN: Key = Key::new("within", WINDOW, "In this time.").required();

pub static NEEDS: Shape = Shape {
    path: "rules.*.needs",
    about: "Hold the alert back until so many publishers tell the story.",
    keys: &[PUBLISHERS, WITHIN],
};

pub static RAISE: Shape = Shape {
    path: "rules.*.raise",
    about: "Lift the alert's severity when so many publishers tell the story.",
    keys: &[
        Key::new("to", Severity, "The severity then.").required(),
        PUBLISHERS,
        WITHIN,
    ],
};

pub static BURST: Shape = Shape {
    path: "rules.*.burst",
    about: "Alert only where the rule matches far more often than it usually does.",
    keys: &[
        Key::new(
            "times",
            Integer { min: 2, max: 1000 },
            "How many times the usual rate.",
        )
        .required(),
        Key::new("window", WINDOW, "The time that is counted.").required(),
        Key::new(
            "baseline",
            Time {
                min: SECOND,
                max: crate::judge::BASELINE_MAX,
            },
            "The time before it that tells what is usual.",
        )
        .required(),
        Key::new(
            "at_least",
            Integer {
                min: 1,
                max: 1_000_000,
            },
            "Never for fewer items than this.",
        ),
    ],
};
