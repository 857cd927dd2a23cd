//! The keys of receivers: those of all, and those of each type.

use std::time::Duration;

use super::{
    super::shape::{Key, Kind::*, ReceiverType, Shape},
    EVER, INTERVAL_MIN, SECOND, WINDOW,
};

pub static RECEIVER: Shape = Shape {
    path: "receivers.*",
    about: "One destination of alerts.",
    keys: &[
        Key::new(
            "min_severity",
            Severity,
            "Alerts below this are not sent here.",
        )
        .default(r#""info""#),
        Key::new(
            "rules",
            Globs,
            "Globs over rule names; absent: every rule, empty: none.",
        )
        .examples(&[r#"["syria-*"]"#]),
        Key::new(
            "tags",
            Texts,
            "Alerts with any of these tags; absent: every alert.",
        )
        .examples(&[r#"["syria"]"#]),
        Key::new(
            "digest",
            WINDOW,
            "Collect alerts and send them together this often; absent: at once.",
        ),
        Key::new("quiet", Table(&QUIET), QUIET.about),
        Key::new(
            "rate",
            Rate,
            "The most messages in a time; what is over it is sent as one summary.",
        )
        .examples(&[r#""30/h""#]),
        Key::new("ack", Table(&ACK), ACK.about).examples(&[r#"{ within = "10m", then = "duty" }"#]),
        Key::new(
            "heartbeat",
            Time {
                min: SECOND,
                max: EVER,
            },
            "Say this often that wirewatch is alive, with what it has read and sent.",
        )
        .examples(&[r#""24h""#]),
    ],
};

pub static ACK: Shape = Shape {
    path: "receivers.*.ack",
    about: "Tell another receiver of alerts that nobody acknowledges with `wirewatch ack`.",
    keys: &[
        Key::new("within", WINDOW, "How long to wait for it.").required(),
        Key::new("then", Text, "The name of the other receiver.").required(),
    ],
};

pub static QUIET: Shape = Shape {
    path: "receivers.*.quiet",
    about: "Hours in which alerts are held, never dropped.",
    keys: &[
        Key::new("hours", Hours, "From and to.")
            .required()
            .examples(&[r#""22:00-06:30""#]),
        Key::new("tz", TimeZone, "A time zone of the IANA database.")
            .default(r#""UTC""#)
            .examples(&[r#""Europe/Madrid""#]),
        Key::new(
            "pass",
            Severity,
            "This severity and higher ones are sent all the same.",
        ),
    ],
};

const FORMAT: Key = Key::new(
    "format",
    Choice(&["json", "text"]),
    "JSON Lines, or text for people.",
)
.default(r#""json""#);
const DELIVERY_TIMEOUT: Key = Key::new(
    "timeout",
    Time {
        min: INTERVAL_MIN,
        max: Duration::from_secs(600),
    },
    "For one whole attempt.",
)
.default(r#""30s""#);
const ALLOW_PRIVATE: Key = Key::new(
    "allow_private",
    Bool,
    "Whether the receiver may stand on a private, loopback or link-local address.",
)
.default("false");

pub static RECEIVER_TYPES: &[ReceiverType] = &[
    ReceiverType {
        name: "stdout",
        about: "wirewatch's own standard output.",
        keys: &[FORMAT],
    },
    ReceiverType {
        name: "file",
        about: "The end of a file.",
        keys: &[
            Key::new("path", Text, "The file, relative to $STATE_DIRECTORY where that is set, else to the working directory.").required(),
            FORMAT,
        ],
    },
    ReceiverType {
        name: "webhook",
        about: "An HTTP POST of the alert document, signed as Standard Webhooks say.",
        keys: &[
            Key::new("url", Secret, "Where to post: https or http. May itself be a secret.")
                .required()
                .examples(&[r#""https://desk.example.org/hook""#]),
            Key::new("secret", Secret, "The signing key of Standard Webhooks: text, or `whsec_` and base64.").examples(&[r#"{ credential = "desk" }"#]),
            Key::new("headers", Secrets, "Further request headers; their values are secrets.").examples(&[r#"{ Authorization = "Bearer ${TOKEN}" }"#]),
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "email",
        about: "A mail through an SMTP server.",
        keys: &[
            Key::new("host", Text, "The mail server.").required().examples(&[r#""smtp.example.org""#]),
            Key::new("port", Integer { min: 1, max: 65_535 }, "Absent: 465 for tls, 587 for starttls, 25 for none."),
            Key::new("tls", Choice(&["tls", "starttls", "none"]), "Encryption; wirewatch never falls back to less by itself.").default(r#""tls""#),
            Key::new("username", Text, "For servers that want a login."),
            Key::new("password", Secret, "For servers that want a login.").examples(&[r#"{ credential = "smtp" }"#]),
            Key::new("from", Text, "The sender.").required().examples(&[r#""wirewatch <alerts@example.org>""#]),
            Key::new("to", Texts, "Who gets it.").required().examples(&[r#"["desk@example.org"]"#]),
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "slack",
        about: "A Slack channel, by an incoming webhook (`url`) or a bot (`token` and `channel`), which can thread and edit.",
        keys: &[
            Key::new("url", Secret, "An incoming webhook, which is its own key; with a bot, Slack's address: https://slack.com.")
                .examples(&[r#"{ credential = "slack-hook" }"#]),
            Key::new("token", Secret, "A bot's token (xoxb-…) with chat:write.").examples(&[r#"{ credential = "slack" }"#]),
            Key::new("channel", Text, "Where the bot posts.").examples(&[r#""C0123456789""#]),
            UPDATES,
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "discord",
        about: "A Discord channel, by its webhook. Nobody is ever mentioned.",
        keys: &[
            Key::new("url", Secret, "The channel's webhook, which is its own key.").required().examples(&[r#"{ credential = "discord" }"#]),
            Key::new("username", Text, "Shown instead of the webhook's name."),
            Key::new("updates", Choice(&["edit", "new"]), "What a revision does: change the first message, or be a new one.").default(r#""edit""#),
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "telegram",
        about: "A Telegram chat, by a bot.",
        keys: &[
            Key::new("token", Secret, "The bot's token.").required().examples(&[r#"{ credential = "telegram" }"#]),
            Key::new("chat", Text, "The chat's number, or @channel.").required().examples(&[r#""-1001234567890""#]),
            Key::new("topic", Integer { min: 1, max: i64::MAX }, "A topic of the chat."),
            Key::new("server", Text, "Another Bot API server.").default(r#""https://api.telegram.org""#),
            UPDATES,
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "ntfy",
        about: "A push message by ntfy.",
        keys: &[
            Key::new("topic", Text, "The topic.").required().examples(&[r#""desk-alerts""#]),
            Key::new("server", Text, "The server.").default(r#""https://ntfy.sh""#),
            Key::new("token", Secret, "An access token.").examples(&[r#"{ credential = "ntfy" }"#]),
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "matrix",
        about: "A Matrix room, not encrypted.",
        keys: &[
            Key::new("server", Text, "The homeserver.").required().examples(&[r#""https://matrix.example.org""#]),
            Key::new("token", Secret, "The access token of an account that is in the room.").required().examples(&[r#"{ credential = "matrix" }"#]),
            Key::new("room", Text, "The room's id.").required().examples(&[r#""!abc:example.org""#]),
            UPDATES,
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "mattermost",
        about: "A Mattermost channel, by an incoming webhook.",
        keys: &[
            Key::new("url", Secret, "The webhook, which is its own key.").required().examples(&[r#"{ credential = "mattermost" }"#]),
            Key::new("channel", Text, "Another channel than the webhook's own."),
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "teams",
        about: "A Microsoft Teams channel or chat, by a Workflows webhook.",
        keys: &[
            Key::new("url", Secret, "The workflow's address, which is its own key.").required().examples(&[r#"{ credential = "teams" }"#]),
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "pagerduty",
        about: "A PagerDuty service, by Events API v2: one incident for each alert.",
        keys: &[
            Key::new("routing_key", Secret, "The integration key.").required().examples(&[r#"{ credential = "pagerduty" }"#]),
            Key::new("server", Text, "https://events.eu.pagerduty.com for the EU region.").default(r#""https://events.pagerduty.com""#),
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "gotify",
        about: "A push message by a Gotify server.",
        keys: &[
            Key::new("server", Text, "The server.").required().examples(&[r#""https://gotify.example.org""#]),
            Key::new("token", Secret, "The token of an application.").required().examples(&[r#"{ credential = "gotify" }"#]),
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "pushover",
        about: "A push message by Pushover.",
        keys: &[
            Key::new("token", Secret, "The token of an application.").required().examples(&[r#"{ credential = "pushover" }"#]),
            Key::new("user", Secret, "The key of a user or a group.").required().examples(&[r#"{ credential = "pushover-user" }"#]),
            Key::new("server", Text, "The service's address.").default(r#""https://api.pushover.net""#),
            TITLE,
            BODY,
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
    ReceiverType {
        name: "command",
        about: "A program, never a shell: the alert document on its standard input. Exit code 0 is delivered, 65 refuses this alert, others are tried again.",
        keys: &[
            Key::new("argv", Texts, "The program and its arguments.").required().examples(&[r#"["/usr/local/bin/page", "--desk"]"#]),
            DELIVERY_TIMEOUT,
        ],
    },
    ReceiverType {
        name: "feed",
        about: "A file that is a feed of the last alerts, for any reader or another wirewatch.",
        keys: &[
            Key::new("path", Text, "The file, relative to $STATE_DIRECTORY where that is set, else to the working directory.").required(),
            Key::new("format", Choice(&["atom", "json"]), "Atom, or JSON Feed 1.1.").default(r#""atom""#),
            Key::new("entries", Integer { min: 1, max: 10_000 }, "The most alerts in it.").default("100"),
            Key::new("name", Text, "What the feed is called.").default(r#""wirewatch alerts""#),
            Key::new("url", Text, "Where readers find it.").examples(&[r#""https://desk.example.org/alerts.atom""#]),
            TITLE,
            BODY,
        ],
    },
    ReceiverType {
        name: "ping",
        about: "A dead man's switch: an address that is fetched every `heartbeat` as long as wirewatch is alive. It gets no alerts.",
        keys: &[
            Key::new("url", Secret, "The address.").required().examples(&[r#"{ credential = "healthcheck" }"#]),
            DELIVERY_TIMEOUT,
            ALLOW_PRIVATE,
        ],
    },
];

const UPDATES: Key = Key::new(
    "updates",
    Choice(&["reply", "edit", "new"]),
    "What a revision does: answer the first message, change it, or be a new one.",
)
.default(r#""reply""#);
const TITLE: Key = Key::new(
    "title",
    Text,
    "A template (minijinja) for the title or subject.",
)
.examples(&[r#""{{ severity|upper }} {{ title }}: {{ item.title }}""#]);
const BODY: Key = Key::new("body", Text, "A template (minijinja) for the text.")
    .examples(&[r#""{{ linked }}\n{{ summary }}\n{{ publishers|join(', ') }}, {{ age }} ago""#]);
