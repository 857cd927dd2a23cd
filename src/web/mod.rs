//! The web server: where hubs push feeds to, and where people and programs look at how wirewatch fares.
//!
//! It speaks HTTP/1.1 by hyper, which the client brings along anyway; a handful of paths need no router. Whoever connects is
//! a stranger: connections, headers, bodies and waits are bounded, nothing but a callback takes a body, and every page is
//! escaped and may run no script. It reads the store and never changes it, callbacks apart.

mod app;
mod metrics;
mod page;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

pub use app::App;

use crate::work::Stop;

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// For a whole request head, and for a connection that says nothing.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 32 << 10;
const HEADERS_MAX: usize = 64;
/// After this a connection ends with the request it is at.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(600);
/// How long requests may take to end when the server stops, or their connection is too old.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Between two attempts to accept when the system has no room (too many open files).
const ACCEPT_REST: Duration = Duration::from_millis(200);

/// Opens the address to listen on.
///
/// # Errors
/// A sentence that says what is in the way.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address} ([web] listen): {error}"))
}

/// Serves until told to stop.
pub async fn serve(listener: TcpListener, app: Arc<App>, mut stop: Stop) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.wait() => break,
            Some(_) = connections.join_next() => continue,
            accepted = async {
                // Never closed, so never refused.
                let place = places.clone().acquire_owned().await.ok();
                (listener.accept().await, place)
            } => accepted,
        };
        match accepted {
            (Ok((stream, _)), place) => {
                let (app, stop) = (app.clone(), stop.clone());
                connections.spawn(async move {
                    converse(stream, app, stop).await;
                    drop(place);
                });
            }
            (Err(error), _) => {
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
    let _ = timeout(END_WITHIN, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
}

async fn converse(stream: TcpStream, app: Arc<App>, mut stop: Stop) {
    // Answers are small and wanted at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, std::convert::Infallible>(app.respond(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // How it ends is the other side's affair.
        _ = connection.as_mut() => return,
        () = stop.wait() => {}
        () = tokio::time::sleep(CONNECTION_AGE_MAX) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(END_WITHIN, connection).await;
}
