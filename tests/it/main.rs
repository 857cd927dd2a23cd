//! What a user could notice, told at the border: scenarios in virtual time, the real network on loopback, the built binary.

mod allocations;
mod attacks;
mod backtest;
mod cli;
mod config;
mod crash;
mod daemon;
mod early;
mod faults;
mod fuzzed;
mod hands;
mod identities;
mod judged;
mod leases;
mod mail_tls;
mod net;
mod notices;
mod outbox;
mod pack;
mod politeness;
mod scenarios;
mod store;
mod stories;
mod tidy;
mod websub;
mod world;
