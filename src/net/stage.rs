//! How far an exchange has come, so that each stage has its own limit and an error says which one it was.
//!
//! A connection is made inside the HTTP client, out of sight. [`Stages`] is wrapped around its connector and knows when
//! connecting begins and ends; the resolver and the store of TLS sessions, which the connector asks on its way, say when
//! they are asked. It never connects anywhere itself: the guarded connector stays the only one.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use rustls::{
    NamedGroup,
    client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::ServerName,
};
use tokio::time::{Instant, sleep_until};
use tower_layer::Layer;
use tower_service::Service;

use super::guard::LOOKUP_MAX;
use crate::envelope::{NetError, Stage};

/// For all addresses of a host together.
pub const CONNECT_MAX: Duration = Duration::from_secs(10);
pub const TLS_MAX: Duration = Duration::from_secs(10);

tokio::task_local! {
    static CURRENT: Progress;
}

/// The stage of one exchange, and since when.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Mutex<(Stage, Instant)>>);

impl Progress {
    /// An exchange that begins on a connection from the pool, until it turns out that there is none.
    pub fn begun() -> Progress {
        Progress(Arc::new(Mutex::new((Stage::FirstByte, Instant::now()))))
    }

    /// Runs what may connect; its stages are noted here.
    pub async fn follow<T>(&self, exchange: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), exchange).await
    }

    pub fn stage(&self) -> Stage {
        self.get().0
    }

    fn get(&self) -> (Stage, Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, stage: Stage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (stage, Instant::now());
    }

    /// When the stage of connecting that it is in has lasted too long, and what to say then.
    fn limit(&self) -> (Instant, NetError) {
        let (stage, since) = self.get();
        let after = match stage {
            Stage::Lookup => LOOKUP_MAX,
            Stage::Tls => TLS_MAX,
            _ => CONNECT_MAX,
        };
        (since + after, NetError::Late { stage, after })
    }
}

/// Notes that the exchange of this task has come so far.
pub fn enter(stage: Stage) {
    // Without an exchange nobody asks.
    let _ = CURRENT.try_with(|progress| progress.enter(stage));
}

/// Around a connector: see the head of this module.
#[derive(Clone, Copy, Debug)]
pub struct Stages;

impl<S> Layer<S> for Stages {
    type Service = Staged<S>;

    fn layer(&self, connector: S) -> Staged<S> {
        Staged(connector)
    }
}

#[derive(Clone, Debug)]
pub struct Staged<S>(S);

impl<S, To> Service<To> for Staged<S>
where
    S: Service<To, Error = Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: To) -> Self::Future {
        let connecting = self.0.call(to);
        // A connection may also be made in the background, for whoever comes next.
        let progress = CURRENT
            .try_with(Progress::clone)
            .unwrap_or_else(|_| Progress::begun());
        Box::pin(async move {
            progress.enter(Stage::Connect);
            let connected = progress.follow(within_limits(&progress, connecting)).await;
            progress.enter(Stage::FirstByte);
            connected
        })
    }
}

/// Ends with an error when one stage of connecting lasts too long.
async fn within_limits<T>(
    progress: &Progress,
    connecting: impl Future<Output = Result<T, Box<dyn std::error::Error + Send + Sync>>>,
) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
    let mut connecting = pin!(connecting);
    let (until, _) = progress.limit();
    let mut timer = pin!(sleep_until(until));
    poll_fn(|context| {
        if let Poll::Ready(connected) = connecting.as_mut().poll(context) {
            return Poll::Ready(connected);
        }
        while timer.as_mut().poll(context).is_ready() {
            // The stage may have changed since the timer was set.
            let (until, late) = progress.limit();
            if until <= Instant::now() {
                return Poll::Ready(Err(late.into()));
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    })
    .await
}

/// Remembered TLS sessions. Every handshake begins by asking for the group that suited the server last time.
#[derive(Debug)]
pub struct Sessions<S>(pub S);

impl<S: ClientSessionStore> ClientSessionStore for Sessions<S> {
    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        enter(Stage::Tls);
        self.0.kx_hint(server)
    }

    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server, group);
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server, session);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.0.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(server, ticket);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every stage of connecting ends by its own limit, with its own words, and a new stage has a whole limit of its own.
    #[tokio::test(start_paused = true)]
    async fn every_stage_has_its_limit_and_its_words() {
        for (stages, s, words) in [
            (&[Stage::Lookup][..], 5, "DNS: no answer in 5s"),
            (&[Stage::Connect], 10, "connect: no answer in 10s"),
            (&[Stage::Tls], 10, "TLS: no handshake in 10s"),
            (
                &[Stage::Lookup, Stage::Connect],
                14,
                "connect: no answer in 10s",
            ),
            (
                &[Stage::Lookup, Stage::Connect, Stage::Tls],
                18,
                "TLS: no handshake in 10s",
            ),
        ] {
            let begun = Instant::now();
            let progress = Progress::begun();
            progress.enter(stages[0]);
            let connecting = async {
                for stage in stages {
                    progress.enter(*stage);
                    if Some(stage) != stages.last() {
                        tokio::time::sleep(Duration::from_secs(4)).await;
                    }
                }
                std::future::pending::<Result<(), _>>().await
            };
            let late = within_limits(&progress, connecting).await.unwrap_err();
            assert_eq!(late.to_string(), words);
            assert_eq!(begun.elapsed().as_secs(), s, "{stages:?}");
        }
    }
}
