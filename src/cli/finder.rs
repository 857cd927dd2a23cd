//! The feed behind the address that a person has: that address, the feeds that its page offers, the usual places.

use std::{collections::HashSet, time::Duration};

use anyhow::{Context, anyhow, bail};
use tokio::runtime::Runtime;

use crate::{
    config::{Config, without_login},
    envelope::{Envelope, HeaderText, Limits, Method, NetError, Reply, Request, Response},
    model::PollLimits,
    net::{Internet, InternetSettings, Net},
    parse::{
        self, Document, ParseError, Parsed,
        links::{self, Offer, Surety},
    },
};

const ACCEPT: &[u8] = b"application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, text/html;q=0.8, */*;q=0.1";
const REDIRECTS_MAX: u8 = 5;
/// For each address but the one that was typed: somebody waits.
const CANDIDATE_TIMEOUT: Duration = Duration::from_secs(5);
/// Addresses that are tried, the page itself counted.
const TRIES_MAX: usize = 36;
/// Of those that the page offers: the usual places have their turn.
const OFFERS_MAX: usize = 15;
/// Addresses that did not answer in time, after which the search ends.
const LATE_MAX: usize = 3;

/// A feed that answered.
pub struct Found {
    /// Where to ask: after permanent redirects, else as given.
    pub url: String,
    /// Where the answer came from.
    pub answered: String,
    pub parsed: Parsed,
    /// Further feeds that the page names.
    pub others: Vec<String>,
}

/// Asks servers through the daemon's own guarded door.
pub struct Finder {
    internet: Internet,
    runtime: Runtime,
    allow_private: bool,
    tries: usize,
}

impl Finder {
    pub fn new(config: &Config) -> anyhow::Result<Finder> {
        let settings = InternetSettings::with_contact(config.poll.contact.as_deref());
        Ok(Finder {
            internet: Internet::new(settings).map_err(|text| anyhow!(text))?,
            runtime: super::runtime()?,
            allow_private: config.poll.allow_private,
            tries: 0,
        })
    }

    pub fn find(&mut self, url: &str) -> anyhow::Result<Found> {
        let shown = without_login(url);
        let response = self
            .get(url)
            .with_context(|| format!("cannot fetch {shown}"))?;
        let why = match read(&response) {
            Ok(parsed) => return Ok(found(url, &response, parsed, Vec::new())),
            Err(error @ ParseError::Broken(_)) => bail!("{shown} is {error}"),
            Err(ParseError::NotAFeed(why)) => why,
        };
        let document = Document {
            body: &response.body,
            content_type: response.header_text("content-type"),
            url: &response.url,
        };
        let headers = response.headers.iter().filter(|(name, _)| name == "link");
        let mut offers: Vec<Offer> = headers
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
            .flat_map(|value| links::feeds_of_header(value, &response.url))
            .chain(links::feeds_of_page(document))
            .collect();
        let mut seen = HashSet::new();
        offers.retain(|offer| seen.insert(offer.url.clone()));
        let usual = links::common_addresses(&response.url);
        let tried = offers.iter().take(OFFERS_MAX).map(|offer| &offer.url);
        let usual = usual.iter().filter(|url| !seen.contains(*url));
        let mut late = 0;
        for candidate in tried.chain(usual) {
            if self.tries >= TRIES_MAX || late >= LATE_MAX {
                break;
            }
            let response = match self.get(candidate) {
                Ok(response) => response,
                Err(error) => {
                    let error = error.downcast_ref::<NetError>();
                    late += usize::from(matches!(error, Some(NetError::Late { .. })));
                    continue;
                }
            };
            if let Ok(parsed) = read(&response) {
                let others = named(&offers).skip_while(|url| *url != candidate).skip(1);
                let others = others.cloned().collect();
                return Ok(found(candidate, &response, parsed, others));
            }
        }
        let named: Vec<&String> = named(&offers).collect();
        match named[..] {
            [] => bail!(
                "found no feed at {shown}: {why}, it names no feed, and there is none in the usual places"
            ),
            [only] => bail!(
                "found no feed at {shown}: {why}, and the feed that it names cannot be read: {}",
                without_login(only)
            ),
            _ if named.len() > OFFERS_MAX => bail!(
                "found no feed at {shown}: {why}, and none of the first {OFFERS_MAX} of the {} feeds that it names can be read",
                named.len()
            ),
            _ => bail!(
                "found no feed at {shown}: {why}, and none of the {} feeds that it names can be read",
                named.len()
            ),
        }
    }

    fn get(&mut self, url: &str) -> anyhow::Result<Response> {
        self.tries += 1;
        let usual = PollLimits::default();
        let total = match self.tries {
            1 => usual.timeout,
            _ => usual.timeout.min(CANDIDATE_TIMEOUT),
        };
        let request = Request {
            method: Method::Get,
            url: url.to_owned(),
            headers: vec![("accept".to_owned(), HeaderText::Plain(ACCEPT.to_vec()))],
            body: Vec::new(),
            limits: Limits {
                total,
                body_bytes_max: usual.body_bytes_max,
                redirects_max: REDIRECTS_MAX,
                allow_private: self.allow_private,
            },
        };
        let reply = self
            .runtime
            .block_on(self.internet.send(Envelope::Http(request)));
        match reply {
            Ok(Reply::Http(response)) if response.status == 200 => Ok(response),
            Ok(Reply::Http(response)) => Err(anyhow!("the server answered {}", response.status)),
            Ok(_) => Err(anyhow!("the answer was no HTTP")),
            Err(error @ NetError::Private(_)) => Err(anyhow!(
                "{error}; set allow_private = true under [poll] to allow it"
            )),
            Err(error) => Err(error.into()),
        }
    }
}

/// What the page calls a feed, or links to as one: no guesses.
fn named(offers: &[Offer]) -> impl Iterator<Item = &String> {
    let named = offers.iter().filter(|offer| offer.surety < Surety::Guessed);
    named.map(|offer| &offer.url)
}

fn read(response: &Response) -> Result<Parsed, ParseError> {
    parse::parse(Document {
        body: &response.body,
        content_type: response.header_text("content-type"),
        url: &response.url,
    })
}

fn found(url: &str, response: &Response, parsed: Parsed, others: Vec<String>) -> Found {
    let permanent = response.moved_to.clone();
    Found {
        url: permanent.unwrap_or_else(|| url.to_owned()),
        answered: response.url.clone(),
        parsed,
        others,
    }
}
