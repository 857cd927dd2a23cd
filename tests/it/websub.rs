//! The subscriber against a hub of ours on loopback: the tests of websub.rocks for subscribers, by their numbers, and what
//! the Recommendation asks beyond them. Lease times run in virtual time, in the second half.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify, time::timeout};
use url::form_urlencoded;
use wirewatch::{
    config::{self, Environment},
    daemon::Node,
    envelope::{Envelope, HeaderText, Limits, Method, Reply, Request},
    net::Net,
    store::{Store, Subscription, SubscriptionState},
    time::Clock,
};

use crate::net::{
    internet,
    server::{Answer, Seen, Server},
};

/// Longer than anything here takes on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a publisher's server sends, and how its hub answers.
#[derive(Clone, Default)]
struct Publisher {
    /// Path of the feed, and where it redirects to first, with which status.
    redirect: Option<(u16, &'static str)>,
    /// `Link` headers of the feed, `{}` standing for the server.
    links: Vec<&'static str>,
    /// The feed, `{}` standing for the server.
    body: &'static str,
    /// The hub sends requests on to /hub2 with this status.
    hub_redirect: Option<u16>,
}

const RSS: &str = r#"<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>t</title>
<atom:link rel="hub" href="{}/hub"/><atom:link rel="self" href="{}/feed"/><item><title>Old</title><guid>0</guid></item></channel></rss>"#;
const PLAIN: &str = "<rss version=\"2.0\"><channel><title>t</title><item><title>Old</title><guid>0</guid></item></channel></rss>";

struct World {
    site: Server,
    /// Open for as long as this world is: a restart stands at the same address.
    listener: std::net::TcpListener,
    rung: Arc<Notify>,
    titles: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
    store: Store,
    node: Option<Node>,
}

impl World {
    async fn new(publisher: Publisher) -> World {
        let rung = Arc::new(Notify::new());
        let titles = Arc::new(Mutex::new(Vec::new()));
        let (ring, taken) = (rung.clone(), titles.clone());
        let site = Server::start(move |seen| {
            let host = String::from_utf8(seen.all("host")[0].to_vec()).unwrap();
            let filled = |text: &str| text.replace("{}", &format!("http://{host}"));
            let answer = match seen.path() {
                "/start" if publisher.redirect.is_some() => {
                    let (status, to) = publisher.redirect.unwrap();
                    Answer::redirect(status, to)
                }
                "/feed" | "/start" => {
                    let links: String = publisher
                        .links
                        .iter()
                        .map(|link| format!("link: {}\n", filled(link)))
                        .collect();
                    let body = filled(publisher.body);
                    Answer::text(&format!(
                        "HTTP/1.1 200 OK\n{links}content-length: {}\n\n{body}",
                        body.len() + body.matches('\n').count()
                    ))
                }
                "/hub" if publisher.hub_redirect.is_some() => {
                    Answer::redirect(publisher.hub_redirect.unwrap(), "/hub2")
                }
                "/hub" | "/hub2" => Answer::text("HTTP/1.1 202 Accepted\ncontent-length: 0\n\n"),
                "/hook" => {
                    let alert: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
                    let title = alert["item"]["title"].as_str().unwrap().to_owned();
                    taken.lock().unwrap().push(title);
                    Answer::ok("")
                }
                path => panic!("{path}"),
            };
            ring.notify_waiters();
            answer
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("w.db")).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut world = World {
            site,
            listener,
            rung,
            titles,
            folder,
            store,
            node: None,
        };
        world.start("[feeds.site]").await;
        world
    }

    /// Starts (again) with this table above the feed's address.
    async fn start(&mut self, feed: &str) {
        if let Some(node) = self.node.take() {
            node.stop(Duration::from_secs(5)).await;
        }
        let listener = TcpListener::from_std(self.listener.try_clone().unwrap()).unwrap();
        let here = listener.local_addr().unwrap();
        let text = format!(
            r#"
[poll]
allow_private = true
[web]
listen = "{here}"
token = "t0ken"
public_url = "http://{here}"
[rules.signal]
any = ["signal"]
per = "item"
[receivers.hook]
type = "webhook"
url = "{}"
allow_private = true
{feed}
url = "{}"
"#,
            self.site.url("/hook"),
            self.site.url("/start"),
        );
        std::fs::write(self.folder.path().join("wirewatch.toml"), text).unwrap();
        let environment = Environment {
            directory: self.folder.path().to_owned(),
            ..Environment::default()
        };
        let loaded = config::load(Path::new("wirewatch.toml"), &environment);
        let (config, _) = loaded.into_result().unwrap();
        let net: Arc<dyn Net> = Arc::new(internet());
        let mut node = Node::start(self.store.clone(), net, Clock::System, &config)
            .await
            .unwrap();
        node.listen(listener);
        self.node = Some(node);
    }

    /// Waits until the site has seen what is looked for.
    async fn until<T>(&self, what: &str, mut look: impl FnMut(&World) -> Option<T>) -> T {
        let looking = async {
            loop {
                let rung = self.rung.notified();
                if let Some(found) = look(self) {
                    return found;
                }
                rung.await;
            }
        };
        timeout(PATIENCE, looking)
            .await
            .unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    /// The forms that hubs were sent at this path, oldest first.
    fn asked(&self, path: &str) -> Vec<Form> {
        let seen = self.site.seen();
        let at_path = seen.iter().filter(|seen| seen.path() == path);
        at_path.map(Form::of).collect()
    }

    /// The next request for a subscription (or its end) at this path.
    async fn request(&self, path: &str, mode: &str) -> Form {
        self.until(&format!("{mode} at {path}"), |world| {
            let mut asked = world.asked(path).into_iter().rev();
            asked.find(|form| form.get("hub.mode") == mode)
        })
        .await
    }

    async fn subscription(&self) -> Subscription {
        self.store.subscriptions().await.unwrap().remove(0)
    }

    /// Confirms the subscription as a hub does.
    async fn subscribed(&self) -> Form {
        let form = self.request("/hub", "subscribe").await;
        assert_eq!(
            verify(&form, "subscribe", &form.get("hub.topic")).await,
            (200, "ch4llenge".to_owned())
        );
        form
    }
}

struct Form(Vec<(String, String)>);

impl Form {
    fn of(seen: &Seen) -> Form {
        Form(form_urlencoded::parse(&seen.body).into_owned().collect())
    }

    fn get(&self, name: &str) -> String {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

/// Sends a request as a hub does; gives status and body.
async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let plain = |(name, value): &(&str, &str)| {
        (
            (*name).to_owned(),
            HeaderText::Plain(value.as_bytes().to_vec()),
        )
    };
    let request = Request {
        method,
        url: url.to_owned(),
        headers: headers.iter().map(plain).collect(),
        body: body.as_bytes().to_vec(),
        limits: Limits {
            total: PATIENCE,
            body_bytes_max: 1 << 20,
            redirects_max: 0,
            allow_private: true,
        },
    };
    match internet().send(Envelope::Http(request)).await.unwrap() {
        Reply::Http(response) => (response.status, String::from_utf8(response.body).unwrap()),
        other => panic!("{other:?}"),
    }
}

async fn verify(form: &Form, mode: &str, topic: &str) -> (u16, String) {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("hub.mode", mode)
        .append_pair("hub.topic", topic)
        .append_pair("hub.challenge", "ch4llenge")
        .append_pair("hub.lease_seconds", "3600")
        .finish();
    let url = format!("{}?{query}", form.get("hub.callback"));
    send(Method::Get, &url, &[], "").await
}

fn document(title: &str) -> String {
    format!(
        "<rss version=\"2.0\"><channel><item><title>{title}</title><guid>{title}</guid></item></channel></rss>"
    )
}

/// Signs as hubs do.
pub fn signature(method: &str, secret: &str, body: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    fn hex<M: Mac + KeyInit>(secret: &str, body: &str) -> String {
        let mut mac = <M as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        mac.finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
    let hex = match method {
        "sha1" => hex::<Hmac<sha1::Sha1>>(secret, body),
        "sha256" => hex::<Hmac<sha2::Sha256>>(secret, body),
        "sha384" => hex::<Hmac<sha2::Sha384>>(secret, body),
        _ => hex::<Hmac<sha2::Sha512>>(secret, body),
    };
    format!("{method}={hex}")
}

async fn push(form: &Form, signature: Option<&str>, body: &str) -> u16 {
    let mut headers = vec![("content-type", "application/rss+xml")];
    headers.extend(signature.map(|signature| ("x-hub-signature", signature)));
    send(Method::Post, &form.get("hub.callback"), &headers, body)
        .await
        .0
}

/// Which hub is asked for which topic; `None`: none is.
async fn check_discovery(number: u32, publisher: Publisher, expected: Option<(&str, &str)>) {
    let world = World::new(publisher).await;
    match expected {
        Some((hub, topic)) => {
            let form = world.request(hub, "subscribe").await;
            assert_eq!(form.get("hub.topic"), world.site.url(topic), "{number}");
            let confirmed = verify(&form, "subscribe", &form.get("hub.topic")).await;
            assert_eq!(confirmed, (200, "ch4llenge".to_owned()), "{number}");
            assert_eq!(world.subscription().await.state, SubscriptionState::Live);
        }
        None => {
            world
                .until("the poll", |world| {
                    world
                        .site
                        .seen()
                        .iter()
                        .find(|seen| seen.path() == "/start")
                        .map(|_| ())
                })
                .await;
            assert!(
                world.store.subscriptions().await.unwrap().is_empty(),
                "{number}"
            );
        }
    }
}

#[tokio::test]
async fn hubs_are_discovered() {
    let plain = Publisher {
        body: PLAIN,
        ..Publisher::default()
    };
    let rss = Publisher {
        body: RSS,
        ..Publisher::default()
    };
    let in_headers = vec!["<{}/hub>; rel=\"hub\"", "<{}/feed>; rel=\"self\""];
    let links = |links: &[&'static str], publisher: &Publisher| Publisher {
        links: links.to_vec(),
        ..publisher.clone()
    };
    // 100: in HTTP headers.
    check_discovery(100, links(&in_headers, &plain), Some(("/hub", "/feed"))).await;
    // 101: in HTML tags. A page is no feed: nothing would be read from what its hub pushes.
    let page = Publisher {
        body: "<html><link rel=\"hub\" href=\"{}/hub\"><link rel=\"self\" href=\"{}/start\">",
        ..Publisher::default()
    };
    check_discovery(101, page, None).await;
    // 102: in an Atom feed.
    let atom = Publisher {
        body: "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>t</title><link rel=\"hub\" href=\"{}/hub\"/><link rel=\"self\" href=\"{}/feed\"/>\
               <entry><id>0</id><title>Old</title></entry></feed>",
        ..Publisher::default()
    };
    check_discovery(102, atom, Some(("/hub", "/feed"))).await;
    // 103: in an RSS feed.
    check_discovery(103, rss.clone(), Some(("/hub", "/feed"))).await;
    // 104: headers before the document.
    let other = ["<{}/hub2>; rel=hub, <{}/start>; rel=self"];
    check_discovery(104, links(&other, &rss), Some(("/hub2", "/start"))).await;
    // No hub, no request.
    check_discovery(0, plain, None).await;
}

#[tokio::test]
async fn topics_and_hubs_may_stand_elsewhere() {
    let rss = Publisher {
        body: RSS,
        ..Publisher::default()
    };
    // 200: the feed calls itself /feed and is polled as /start.
    check_discovery(200, rss.clone(), Some(("/hub", "/feed"))).await;
    // 201, 202: the topic redirects.
    for (number, status) in [(201, 302), (202, 301), (202, 308), (201, 307)] {
        let moved = Publisher {
            redirect: Some((status, "/feed")),
            ..rss.clone()
        };
        check_discovery(number, moved, Some(("/hub", "/feed"))).await;
    }
    // 203, 204: the hub redirects; the form comes along.
    for (number, status) in [(203, 302), (204, 301), (203, 307), (204, 308)] {
        let moved = Publisher {
            hub_redirect: Some(status),
            ..rss.clone()
        };
        check_discovery(number, moved, Some(("/hub2", "/feed"))).await;
    }
}

#[tokio::test]
async fn only_what_was_asked_for_is_confirmed() {
    let world = World::new(Publisher {
        body: RSS,
        ..Publisher::default()
    })
    .await;
    let form = world.request("/hub", "subscribe").await;
    let topic = form.get("hub.topic");
    let callback = form.get("hub.callback");
    // 205: a topic that was not asked for.
    assert_eq!(
        verify(&form, "subscribe", "https://other.example/").await.0,
        404
    );
    assert_eq!(verify(&form, "unsubscribe", &topic).await.0, 404);
    assert_eq!(verify(&form, "publish", &topic).await.0, 404);
    let (guess, _) = callback.rsplit_once('/').unwrap();
    for path in ["", "/", "/0123456789abcdef0123456789abcdef", "/.."] {
        let url = format!("{guess}{path}?hub.mode=subscribe&hub.topic=x&hub.challenge=c");
        assert!(
            matches!(send(Method::Get, &url, &[], "").await.0, 401 | 404),
            "{path}"
        );
    }
    assert_eq!(send(Method::Put, &callback, &[], "").await.0, 405);
    assert_eq!(
        send(Method::Post, &format!("{guess}/0123"), &[], "x")
            .await
            .0,
        404
    );
    assert_eq!(world.subscription().await.state, SubscriptionState::Asked);
    assert_eq!(verify(&form, "subscribe", &topic).await.0, 200);
    let live = world.subscription().await;
    assert_eq!(live.state, SubscriptionState::Live);
    // The secret and the callback are long and not of each other.
    let secret = form.get("hub.secret");
    assert!(secret.len() == 32 && live.token.len() == 32 && secret != live.token);
    assert_eq!(form.get("hub.lease_seconds"), "864000");
    // A renewal asks back as well.
    assert_eq!(verify(&form, "subscribe", &topic).await.0, 200);
}

#[tokio::test]
async fn what_is_signed_is_taken_and_all_else_ignored() {
    let world = World::new(Publisher {
        body: RSS,
        ..Publisher::default()
    })
    .await;
    let form = world.subscribed().await;
    let secret = form.get("hub.secret");
    let mut expected = Vec::new();
    for (method, title) in [
        ("sha1", "Signal one"),
        ("sha256", "Signal two"),
        ("sha384", "Signal three"),
        ("sha512", "Signal four"),
    ] {
        let body = document(title);
        // 301: signed with another secret; 302: not signed.
        let wrong = signature(method, "another", &body);
        let of_another = signature(method, &secret, "another body");
        for signature in [
            Some(&*wrong),
            Some(&of_another),
            Some("sha256="),
            Some(""),
            None,
        ] {
            assert_eq!(push(&form, signature, &body).await, 204);
        }
        // 300: a good one is answered with 2xx, and at a second time it is no news.
        let good = signature(method, &secret, &body);
        assert_eq!(push(&form, Some(&good), &body).await, 204);
        assert_eq!(push(&form, Some(&good), &body).await, 204);
        expected.push(title.to_owned());
    }
    // What is no feed is taken off the hub's hands.
    for body in ["", "{}", "<html>", "\u{0}"] {
        let good = signature("sha256", &secret, body);
        assert_eq!(push(&form, Some(&good), body).await, 204);
    }
    let mut taken = world
        .until("four alerts", |world| {
            let titles = world.titles.lock().unwrap().clone();
            (titles.len() >= 4).then_some(titles)
        })
        .await;
    taken.sort();
    expected.sort();
    assert_eq!(taken, expected);
    let huge = "x".repeat((10 << 20) + 1);
    let status = push(&form, Some(&signature("sha1", &secret, &huge)), &huge).await;
    assert_eq!(status, 413);
    // What the feed's own server said stays: the next poll is conditional on that alone, and no poll failed.
    let states = world.store.feed_states().await.unwrap();
    assert_eq!(
        (states["site"].failures, states["site"].moved_times),
        (0, 0)
    );
}

#[tokio::test]
async fn a_feed_that_is_dropped_is_unsubscribed() {
    let mut world = World::new(Publisher {
        body: RSS,
        ..Publisher::default()
    })
    .await;
    let form = world.subscribed().await;
    world.start("[feeds.other]\ninterval = \"1h\"").await;
    let end = world.request("/hub", "unsubscribe").await;
    let topic = form.get("hub.topic");
    assert_eq!(end.get("hub.callback"), form.get("hub.callback"));
    assert_eq!(end.get("hub.topic"), topic);
    let body = document("A signal too late");
    let good = signature("sha1", &form.get("hub.secret"), &body);
    assert_eq!(push(&end, Some(&good), &body).await, 404);
    assert_eq!(verify(&end, "subscribe", &topic).await.0, 404);
    assert_eq!(verify(&end, "unsubscribe", &topic).await.0, 200);
    assert_eq!(
        verify(&end, "unsubscribe", &topic).await.0,
        404,
        "it has ended"
    );
    // Another feed at the same topic has a callback of its own.
    let other = world
        .until("the other's subscription", |world| {
            let mut asked = world.asked("/hub").into_iter();
            asked.find(|form| form.get("hub.callback") != end.get("hub.callback"))
        })
        .await;
    assert_eq!(verify(&other, "subscribe", &topic).await.0, 200);
    assert_ne!(other.get("hub.secret"), form.get("hub.secret"));
}

#[tokio::test]
async fn pages_are_for_those_with_the_token_and_bounded() {
    let world = World::new(Publisher {
        body: RSS,
        ..Publisher::default()
    })
    .await;
    let form = world.subscribed().await;
    let secret = form.get("hub.secret");
    let body = document("A signal &lt;script&gt;alert(1)&lt;/script&gt;");
    push(&form, Some(&signature("sha1", &secret, &body)), &body).await;
    let callback = form.get("hub.callback");
    let base = callback.split("/websub/").next().unwrap().to_owned();
    let bearer = ("authorization", "Bearer t0ken");
    for (path, headers, status, holds) in [
        ("/healthz", &[][..], 200, "ok"),
        ("/readyz", &[], 200, "ready"),
        ("/", &[], 401, "token"),
        ("/metrics", &[], 401, "token"),
        (
            "/api/alerts",
            &[("authorization", "Bearer t0kem")],
            401,
            "token",
        ),
        ("/metrics", &[bearer], 200, "wirewatch_feeds_pushed 1\n"),
        ("/metrics", &[bearer], 200, "wirewatch_pushes_total 1\n"),
        ("/metrics", &[bearer], 200, "# EOF\n"),
        ("/api/feeds", &[bearer], 200, "\"push\":{\"hub\":"),
        (
            "/api/alerts",
            &[bearer],
            200,
            "\"deliveries\":[{\"receiver\":\"hook\"",
        ),
        ("/api/alerts?severity=critical", &[bearer], 200, ""),
        ("/api/alerts?severity=loud", &[bearer], 400, "severity"),
        (
            "/",
            &[("authorization", "Basic bWU6dDBrZW4=")],
            200,
            "A signal",
        ),
        ("/style.css", &[], 200, "prefers-color-scheme"),
        ("/nothing", &[bearer], 404, "nothing"),
    ] {
        let (got, text) = send(Method::Get, &format!("{base}{path}"), headers, "").await;
        assert_eq!(got, status, "{path}");
        assert!(text.contains(holds), "{path}: {text}");
        assert!(!text.contains(&secret) && !text.contains("t0ken"), "{path}");
        assert!(path != "/" || !text.contains("<script"), "{text}");
    }
    let huge = "x".repeat(64 << 10);
    let (status, _) = send(
        Method::Get,
        &format!("{base}/healthz"),
        &[("x-long", &huge)],
        "",
    )
    .await;
    assert_eq!(status, 431);
    assert_eq!(
        send(Method::Post, &format!("{base}/"), &[bearer], "x")
            .await
            .0,
        405
    );
}
