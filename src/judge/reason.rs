//! The named reasons.

/// Why an item that matched a rule did or did not become an alert, or a revision of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    FirstReport,
    SameOrigin,
    SameStory,
    Raised,
    Confirmed,
    HeldNeedsPublishers,
    NeedsExpired,
    CooledDown,
    Edited,
    EditedLate,
    Backfill,
    BurstLearning,
    BurstNotReached,
    BurstOngoing,
}

impl Reason {
    pub const ALL: [Reason; 14] = [
        Reason::FirstReport,
        Reason::SameOrigin,
        Reason::SameStory,
        Reason::Raised,
        Reason::Confirmed,
        Reason::HeldNeedsPublishers,
        Reason::NeedsExpired,
        Reason::CooledDown,
        Reason::Edited,
        Reason::EditedLate,
        Reason::Backfill,
        Reason::BurstLearning,
        Reason::BurstNotReached,
        Reason::BurstOngoing,
    ];

    /// The name that the store, the log and `why` show.
    pub fn name(self) -> &'static str {
        match self {
            Reason::FirstReport => "first-report",
            Reason::SameOrigin => "same-origin",
            Reason::SameStory => "same-story",
            Reason::Raised => "raised",
            Reason::Confirmed => "confirmed",
            Reason::HeldNeedsPublishers => "held-needs-publishers",
            Reason::NeedsExpired => "needs-expired",
            Reason::CooledDown => "cooled-down",
            Reason::Edited => "edited",
            Reason::EditedLate => "edited-late",
            Reason::Backfill => "backfill",
            Reason::BurstLearning => "burst-learning",
            Reason::BurstNotReached => "burst-not-reached",
            Reason::BurstOngoing => "burst-ongoing",
        }
    }

    /// What the name means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Reason::FirstReport => "the first report of its story",
            Reason::SameOrigin => "a copy of a text that the rule had alerted on",
            Reason::SameStory => "the rule had alerted on its story before",
            Reason::Raised => {
                "enough independent publishers to raise the severity of the story's alert"
            }
            Reason::Confirmed => "enough independent publishers tell the story now",
            Reason::HeldNeedsPublishers => {
                "held until enough independent publishers tell the story, as `needs` says"
            }
            Reason::NeedsExpired => {
                "held, but not enough independent publishers told the story in the time that `needs` gives"
            }
            Reason::CooledDown => "within the rule's `cooldown` after the last alert on its story",
            Reason::Edited => "it matched after it was edited",
            Reason::EditedLate => {
                "it matched after it was edited, more than three days after it was first seen"
            }
            Reason::Backfill => "older than `backfill` at the first contact with the feed",
            Reason::BurstLearning => {
                "the rule's usual rate is not known yet, which `burst` compares with"
            }
            Reason::BurstNotReached => "no more matches than usual, as `burst` says",
            Reason::BurstOngoing => "part of a burst that was alerted",
        }
    }

    pub fn parse(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.name() == name)
    }
}
