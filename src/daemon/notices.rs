//! What the daemon itself has to tell the operator: a configuration that was not taken, and what ends with a new one.

use super::{Node, count};
use crate::{
    config::{Config, Problem},
    model::{About, Notice, NoticeKind, Severity},
    store::StoreError,
    tell,
};

impl Node {
    /// Ends what the operator was told of feeds and receivers that are no longer configured, and of a configuration that
    /// was not taken.
    pub(super) async fn end_notices(&self, config: &Config) -> Result<(), StoreError> {
        for (kind, subject) in self.store.open_notices().await? {
            let text = match kind.about() {
                About::Feed if config.feeds.iter().all(|feed| feed.name != subject) => {
                    format!("{subject} is no longer watched")
                }
                About::Receiver
                    if config
                        .receivers
                        .iter()
                        .all(|receiver| receiver.name != subject) =>
                {
                    format!("{subject} is no longer configured")
                }
                About::Wirewatch if kind == NoticeKind::ReloadRefused => {
                    "the configuration was taken".to_owned()
                }
                _ => continue,
            };
            let notice = Notice {
                kind,
                subject,
                text,
                url: String::new(),
                severity: Severity::Info,
                is_over: true,
            };
            let (to, now) = (&config.notices_to, self.clock.now());
            tell::tell(&self.store, notice, to, now, &self.owed).await?;
        }
        Ok(())
    }

    /// Tells the operator that a new configuration was not taken, and why. The old one stays live.
    pub async fn refuse_reload(&self, live: &Config, reason: &str) {
        let notice = Notice {
            kind: NoticeKind::ReloadRefused,
            subject: "configuration".to_owned(),
            text: format!("the new configuration is not taken, the old one stays live: {reason}"),
            url: String::new(),
            severity: Severity::High,
            is_over: false,
        };
        let to = live.notices_to.clone();
        // The log has it already, and at every refusal.
        match self.store.notice(notice, to, self.clock.now()).await {
            Ok(_) => self.owed.notify_one(),
            Err(error) => tracing::error!(%error, "the refusal is told in the log alone"),
        }
    }
}

/// `wirewatch.toml:3:5: unknown key `urll`, and 2 more problems`.
pub(super) fn first_of(problems: &[Problem]) -> String {
    let mut errors = problems.iter().filter(|problem| problem.is_error());
    let Some(first) = errors.next() else {
        return String::new();
    };
    let place = format!("{}:{}:{}", first.path.display(), first.line, first.column);
    match errors.count() {
        0 => format!("{place}: {}", first.message),
        more => format!(
            "{place}: {}, and {}",
            first.message,
            count(more, "more error")
        ),
    }
}
