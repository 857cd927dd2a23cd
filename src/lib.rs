//! wirewatch polls news feeds, matches every new item against rules, and owes each alert to the receivers that want it
//! until they have it. This page is the map; read `model`, `work`, `poll` and `deliver` next, in that order.
//!
//! # The flow
//!
//! ```text
//!            POLL (work loop 1)                                             DELIVER (work loop 2)
//! due feed --net--> bytes --parse--> items --rule--> hits      owed --compose--> envelope --net--> reply --verdict--> settle
//!   ^                                                 |          ^                                                      |
//!   |                                  judge (story, cooldown)   |                                                      |
//!   '--- next poll <--- record_poll: one transaction <-'- rows --'   <----- done | due again at | dead: one transaction-'
//! ```
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
//! 1 text parse rule story judge backtest schedule render notify
//! 2 net store
//! 3 work poll deliver sweep
//! 4 config daemon saved systemd log
//! 5 cli
//! ```

pub mod backtest;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod deliver;
pub mod envelope;
pub mod judge;
pub mod log;
pub mod model;
pub mod net;
pub mod notify;
pub mod parse;
pub mod poll;
pub mod render;
pub mod rule;
pub mod saved;
pub mod schedule;
pub mod secret;
pub mod store;
pub mod story;
pub mod sweep;
pub mod systemd;
pub mod text;
pub mod time;
pub mod work;
