//! The one page for people: what fails, what is owed, what was alerted. Plain HTML made here, no script; every text of a
//! feed is escaped, and only links to the web are links.

use std::fmt::Write as _;

use super::App;
use crate::{
    health::{Health, State},
    model::{Alert, AlertStatus},
    render::{self, clean_line, escape},
    store::{AlertFilter, AlertRow, StoreError},
    time::{self, Timestamp},
};

pub const STYLE: &str = include_str!("style.css");

const ALERTS_SHOWN: usize = 50;
/// Those that fail come first.
const FEEDS_SHOWN_MAX: usize = 500;
const TEXT_CHARS_MAX: usize = 300;

/// The page as it stands now.
///
/// # Errors
/// When the store cannot be read.
pub async fn html(app: &App) -> Result<String, StoreError> {
    let states = app.store.feed_states().await?;
    let outboxes = app.store.outboxes().await?;
    let filter = AlertFilter {
        newest: Some(ALERTS_SHOWN),
        ..AlertFilter::default()
    };
    let alerts = app.store.alerts(filter).await?;
    let now = app.clock.now();
    let live = app.live();
    let mut feeds: Vec<_> = live
        .feeds
        .iter()
        .map(|feed| Health::of(feed, states.get(&feed.name), None))
        .collect();
    feeds.sort_by_key(|feed| match feed.state {
        State::Failing => 0,
        State::Gone => 1,
        State::New => 2,
        State::Ok => 3,
    });

    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>wirewatch</title><link rel=\"stylesheet\" href=\"style.css\"></head><body>\n<h1>wirewatch</h1>\n",
    );
    let _ = writeln!(
        page,
        "<p class=\"about\">{}</p>",
        now.strftime("%Y-%m-%d %H:%M:%S UTC")
    );
    let failing = feeds
        .iter()
        .filter(|feed| matches!(feed.state, State::Failing | State::Gone))
        .count();
    let owed: u64 = outboxes.iter().map(|outbox| outbox.owed).sum();
    let dead: u64 = outboxes.iter().map(|outbox| outbox.dead).sum();
    page.push_str("<ul class=\"totals\">");
    for (number, name, is_bad) in [
        (feeds.len() as u64, "feeds", false),
        (failing as u64, "failing", failing > 0),
        (owed, "deliveries owed", false),
        (dead, "not delivered", dead > 0),
    ] {
        let class = if is_bad { " class=\"bad\"" } else { "" };
        let _ = write!(page, "<li{class}><b>{number}</b> {name}</li>");
    }
    page.push_str("</ul>\n<h2>Newest alerts</h2>\n");
    write_alerts(&mut page, &alerts, now);
    page.push_str("<h2>Feeds</h2>\n");
    write_feeds(&mut page, &feeds, now);
    page.push_str("</body></html>\n");
    Ok(page)
}

fn write_alerts(page: &mut String, alerts: &[AlertRow], now: Timestamp) {
    if alerts.is_empty() {
        page.push_str("<p class=\"none\">None yet.</p>\n");
        return;
    }
    page.push_str("<div class=\"wide\"><table><thead><tr><th>Severity</th><th>Alert</th><th>Feed</th><th>When</th></tr></thead><tbody>\n");
    for AlertRow { alert, .. } in alerts.iter().rev() {
        let severity = alert.severity.name();
        let _ = writeln!(
            page,
            "<tr><td class=\"tight severity {severity}\">{severity}</td><td dir=\"auto\">{}<small>{}</small></td>\
             <td class=\"tight\">{}</td><td class=\"tight\">{}</td></tr>",
            headline(alert),
            about(alert),
            shown(&alert.item.feed),
            when(Some(alert.timing.queued), now),
        );
    }
    page.push_str("</tbody></table></div>\n");
}

fn headline(alert: &Alert) -> String {
    let title = match alert.item.title.is_empty() {
        true => shown(&render::headline(alert)),
        false => shown(&alert.item.title),
    };
    let url = &alert.item.url;
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    match is_web {
        true => format!("<a href=\"{}\" rel=\"noreferrer\">{title}</a>", escape(url)),
        false => title,
    }
}

fn about(alert: &Alert) -> String {
    let mut about = shown(&alert.title);
    if alert.drill {
        about.insert_str(0, "drill: ");
    }
    match alert.status {
        AlertStatus::Firing => {}
        AlertStatus::Acknowledged => about.push_str(" · acknowledged"),
        AlertStatus::Resolved => about.push_str(" · resolved"),
    }
    let publishers = alert.story.publishers.len();
    if publishers > 1 {
        let _ = write!(about, " · {publishers} publishers");
    }
    about
}

fn write_feeds(page: &mut String, feeds: &[Health<'_>], now: Timestamp) {
    if feeds.is_empty() {
        page.push_str("<p class=\"none\">None are configured.</p>\n");
        return;
    }
    page.push_str("<div class=\"wide\"><table><thead><tr><th>Feed</th><th>State</th><th>Last success</th><th>Last new item</th><th>Next poll</th><th></th></tr></thead><tbody>\n");
    for feed in feeds.iter().take(FEEDS_SHOWN_MAX) {
        let state = feed.state.name();
        let reason = match (feed.reason, &feed.push) {
            (Some(reason), _) => shown(reason),
            (None, Some(push)) => format!("pushed by {}", shown(push.hub)),
            (None, None) => String::new(),
        };
        let next = match feed.next_poll {
            Some(next) if next <= now => "due".to_owned(),
            next => when(next, now),
        };
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td class=\"tight state {state}\">{state}</td><td class=\"tight\">{}</td><td class=\"tight\">{}</td>\
             <td class=\"tight\">{next}</td><td class=\"reason\" dir=\"auto\">{reason}</td></tr>",
            shown(feed.name),
            when(feed.last_success, now),
            when(feed.last_new_item, now),
        );
    }
    page.push_str("</tbody></table></div>\n");
    if feeds.len() > FEEDS_SHOWN_MAX {
        let _ = writeln!(
            page,
            "<p class=\"none\">and {} more</p>",
            feeds.len() - FEEDS_SHOWN_MAX
        );
    }
}

/// A text of a stranger on one line, escaped.
fn shown(text: &str) -> String {
    escape(&clean_line(text, TEXT_CHARS_MAX))
}

/// `5m ago` or `in 5m`, the time itself beside it.
fn when(at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(at) = at else {
        return "–".to_owned();
    };
    let words = match at > now {
        true => format!("in {}", time::show_duration(time::until(now, at))),
        false => format!("{} ago", time::show_duration(time::until(at, now))),
    };
    format!(
        "<time datetime=\"{at}\" title=\"{at}\">{words}</time>",
        at = time::rfc3339(at)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sample;

    #[test]
    fn nothing_of_a_feed_is_markup() {
        let mut page = String::new();
        let now = "2024-12-06T14:05:00Z".parse().unwrap();
        let row = |alert| AlertRow {
            acknowledged: None,
            wrong: None,
            changed: 1,
            alert,
            deliveries: Vec::new(),
        };
        let mut hostile = sample::hostile();
        hostile.item.feed = "\"><script>alert(1)</script>".to_owned();
        hostile.item.url = "https://a.example/\"onmouseover=alert(1)".to_owned();
        write_alerts(&mut page, &[row(sample::hostile()), row(hostile)], now);
        assert!(
            !page.contains("<script")
                && !page.contains("javascript:")
                && !page.contains("\"onmouse"),
            "{page}"
        );
        assert!(
            !page
                .lines()
                .any(|line| line.contains(crate::render::is_unsafe)),
            "{page}"
        );
    }
}
