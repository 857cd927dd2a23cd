//! The door to the network and to other programs: one trait, so that scenarios replace the world with a script.
//!
//! An envelope carries its own limits; nothing that passes here waits without an end or grows without a bound. No error
//! that comes back holds an address's path, a header or a credential.

mod guard;
mod gunzip;
mod http;
pub mod internet;
mod local;
mod mail;
mod program;
mod room;
mod stage;
mod words;

use futures_util::future::BoxFuture;

use crate::envelope::{Envelope, NetError, Reply};

pub use guard::is_private;
pub use internet::{Internet, InternetSettings};

/// The world outside. One call, one exchange; it returns within the envelope's own limit.
pub trait Net: Send + Sync {
    fn send(&self, envelope: Envelope) -> BoxFuture<'_, Result<Reply, NetError>>;
}
