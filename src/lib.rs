//! wirewatch polls news feeds, matches every new item against rules, and owes each alert to the receivers that want it
//! until they have it. This page is the map; read `model`, `work`, `poll` and `deliver` next, in that order.
//!
//! # The flow
//!
//! ```text
//!            POLL (work loop 1)                                             DELIVER (work loop 2)
//! due feed --net--> bytes --parse--> items --rule--> hits      owed --compose--> envelope --net--> reply --verdict--> settle
//!   ^                                                 |          ^                                                      |
//!   |                                  judge (story, backfill)   |                                                      |
//!   '--- next poll <--- record_poll: one transaction <-'- rows --'   <----- done | due again at | dead: one transaction-'
//! ```
//!
//! What a WebSub hub pushes (`push`, through `web`) takes the same way from `parse` on.
//!
//! Three doors lead to the world: [`time::Clock`], [`net::Net`] and [`store::Store`]. All thinking between them is plain
//! synchronous Rust that is handed `now`. The store is the queue: no channel carries anything that may be lost, and
//! wake-ups carry no data.
//!
//! # Layers
//!
//! A module imports from its own layer or below, as this table says; `tests/it/tidy.rs` reads the table and fails when an import breaks it.
//!
//! ```layers
//! 0 time secret model envelope
//! 1 text parse rule story judge notice hub backtest schedule render notify
//! 2 net store
//! 3 work tell poll push deliver sweep health
//! 4 config daemon web saved systemd log memory
//! 5 cli
//! ```
//!
//! # What always holds, and the test that guards it
//!
//! 1. An item and the deliveries it causes are recorded in the transaction that records the feed's validators and next poll:
//!    `store::a_poll_is_recorded_whole`, `store::a_poll_that_cannot_be_judged_changes_nothing`.
//! 2. A revision is owed to a receiver once; it arrives twice only where an answer was lost, then with the same id:
//!    `crash::kills_at_any_moment_lose_no_alert`, `daemon::forty_kills_lose_no_alert`.
//! 3. A first poll floods nobody: `scenarios::a_first_contact_floods_nobody`.
//! 4. A rule set that compiles can always be matched, as its definition says: `rule::tests::property`.
//! 5. Layers 0 and 1 have no clock, no I/O and no `async`: `tidy::thought_has_no_clock_no_io_and_no_async`.
//! 6. A server is asked conditionally and never early: `scenarios::one_request_is_unconditional_and_none_is_early`.
//! 7. A dead receiver delays no other: `scenarios::a_dead_receiver_delays_no_other_and_gets_all_after_a_day_in_order`.
//! 8. A bad configuration neither starts the daemon nor replaces a good one: `daemon::sighup_takes_what_passes_check_and_refuses_the_rest`.
//! 9. No message shows a secret: `config::no_slip_shows_a_secret`.
//! 10. A store that cannot be trusted is refused and left as it is: `store::what_cannot_be_trusted_is_refused_and_left_as_it_is`.
//! 11. A hub is confirmed only what it was asked for, and only what it signed is taken:
//!     `websub::only_what_was_asked_for_is_confirmed`, `websub::what_is_signed_is_taken_and_all_else_ignored`.
//! 12. The operator is told of a condition once, and once when it is over: `notices::one_condition_has_one_open_alert_and_what_changed_can_be_followed`.

pub mod backtest;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod deliver;
pub mod envelope;
pub mod health;
pub mod hub;
pub mod judge;
pub mod log;
pub mod memory;
pub mod model;
pub mod net;
pub mod notice;
pub mod notify;
pub mod parse;
pub mod poll;
pub mod push;
pub mod render;
pub mod rule;
pub mod saved;
pub mod schedule;
pub mod secret;
pub mod store;
pub mod story;
pub mod sweep;
pub mod systemd;
pub mod tell;
pub mod text;
pub mod time;
pub mod web;
pub mod work;
