//! The operator's own words for a message: templates in Jinja's language, compiled when the configuration is checked.
//!
//! A template comes from the configuration, never from a feed: what a feed wrote is data in it, printed as text of the
//! service's own language. It has a budget, so that none can hold a delivery up; one that fails all the same falls back to
//! the usual words, for an alert must never be lost to its form.

use std::ops::Range;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, context};

use super::{Markup, clean_line, clean_text, facts};
use crate::{
    model::Alert,
    time::{self, Timestamp},
};

/// Steps and printed bytes that one rendering may cost.
const FUEL: u64 = 100_000;
/// A longer template is refused.
const SOURCE_BYTES_MAX: usize = 16 << 10;
const NAME: &str = "template";

/// A template that is known to compile and to render.
pub struct Template {
    environment: Environment<'static>,
    markup: Markup,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// To follow the words "the template": `has no variable …`.
    pub message: String,
    /// Bytes of the template.
    pub range: Option<Range<usize>>,
}

impl Template {
    /// Compiles a template and renders it for each of `samples`, so that what would fail at night fails now.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn new(source: &str, markup: Markup, samples: &[Alert]) -> Result<Template, TemplateError> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(TemplateError {
                message: format!("is longer than {SOURCE_BYTES_MAX} bytes"),
                range: None,
            });
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(move |out, state, value| {
            if value.is_safe() {
                return out
                    .write_str(value.as_str().unwrap_or_default())
                    .map_err(Error::from);
            }
            if value.is_undefined() {
                return minijinja::escape_formatter(out, state, value);
            }
            let text = match value.as_str() {
                Some(text) => text.to_owned(),
                None if value.is_none() => String::new(),
                None => value.to_string(),
            };
            out.write_str(&markup.escape(&text)).map_err(Error::from)
        });
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| explain(&error))?;
        let template = Template {
            environment,
            markup,
        };
        for sample in samples {
            template
                .try_render(sample, sample.timing.queued)
                .map_err(|error| explain(&error))?;
        }
        Ok(template)
    }

    /// The alert in the template's words.
    ///
    /// # Errors
    /// Where this alert takes the template past its budget or onto a path that no sample took.
    pub fn render(&self, alert: &Alert, now: Timestamp) -> Result<String, TemplateError> {
        let text = self
            .try_render(alert, now)
            .map_err(|error| explain(&error))?;
        Ok(clean_text(&text))
    }

    fn try_render(&self, alert: &Alert, now: Timestamp) -> Result<String, Error> {
        self.environment
            .get_template(NAME)?
            .render(variables(alert, self.markup, now))
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Template")
    }
}

/// What a template may name. Texts of the feed are clean; what is written in the service's language already is safe.
fn variables(alert: &Alert, markup: Markup, now: Timestamp) -> Value {
    let line = |text: &str| clean_line(text, 1_000);
    let safe = Value::from_safe_string;
    let minute = |at: Timestamp| super::minute(at);
    context! {
        labels => super::labels(alert),
        severity => alert.severity.name(),
        status => super::status_name(alert.status),
        rule => line(&alert.rule),
        title => line(&alert.title),
        tags => alert.tags.iter().map(|tag| line(tag)).collect::<Vec<_>>(),
        drill => alert.drill,
        id => line(&alert.id),
        revision => alert.revision,
        headline => safe(facts::headline(alert, markup)),
        linked => safe(facts::linked(alert, markup)),
        summary => safe(facts::summary(alert, markup)),
        link => super::link(alert).unwrap_or_default(),
        words => facts::words(alert),
        publishers => facts::publishers(alert),
        items => alert.story.items,
        origins => alert.story.origins,
        first_seen => minute(alert.item.seen),
        age => time::show_duration(time::until(alert.item.seen, now)),
        published => alert.item.published.map(minute),
        feed => line(&alert.item.feed),
        publisher => line(&alert.item.publisher),
        lang => alert.item.lang.as_deref().map(line),
        item => context! {
            id => line(&alert.item.id),
            title => line(&alert.item.title),
            summary => line(&alert.item.summary),
            url => super::link(alert).unwrap_or_default(),
        },
    }
}

fn explain(error: &Error) -> TemplateError {
    let detail = error.detail().map(|detail| clean_line(detail, 200));
    let message = match (error.kind(), detail) {
        (ErrorKind::UndefinedError, _) => "names something that an alert does not have".to_owned(),
        (ErrorKind::OutOfFuel, _) => "takes too long: it loops over too much".to_owned(),
        (_, Some(detail)) => format!("cannot be read: {detail}"),
        (kind, None) => format!("cannot be read: {kind}"),
    };
    TemplateError {
        message,
        range: error.range(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sample;

    fn rendered(source: &str, markup: Markup, alert: &Alert) -> String {
        let template = Template::new(source, markup, &[sample::alert()]).unwrap();
        template
            .render(alert, "2024-12-06T14:17:12Z".parse().unwrap())
            .unwrap()
    }

    #[test]
    fn an_alert_in_the_operators_words() {
        for (source, markup, text) in [
            (
                "{{ severity|upper }} {{ title }}",
                Markup::Plain,
                "HIGH Armed group gains ground",
            ),
            (
                "{{ headline }}",
                Markup::Html,
                "<b>Rebel forces advanced</b> rapidly toward Homs",
            ),
            (
                "<i>{{ item.summary }}</i>",
                Markup::Html,
                "<i>Government troops left &lt;b&gt;&amp; the insurgents&lt;/b&gt; took the town.</i>",
            ),
            (
                "{{ publishers|join(', ') }}: {{ items }}, {{ origins }}, {{ age }}",
                Markup::Plain,
                "aljazeera, bbc: 3, 2, 14m",
            ),
            (
                "{% for word in words %}- {{ word }}\n{% endfor %}",
                Markup::Plain,
                "- Rebel forces advanced\n- insurgents",
            ),
            ("{% if lang %}{{ lang }}{% endif %}", Markup::Plain, "en"),
        ] {
            assert_eq!(rendered(source, markup, &sample::alert()), text);
        }
    }

    #[test]
    fn template_syntax_in_a_title_is_text() {
        let mut alert = sample::alert();
        alert.item.title = "{{ 7 * 7 }} {% raw %} {{ id }}".to_owned();
        alert.hits.clear();
        assert_eq!(
            rendered("{{ item.title }}|{{ headline }}", Markup::Plain, &alert),
            "{{ 7 * 7 }} {% raw %} {{ id }}|{{ 7 * 7 }} {% raw %} {{ id }}"
        );
    }

    #[test]
    fn broken_templates() {
        for (source, message, at) in [
            ("{{ severty }}", "does not have", "severty"),
            ("a {{ title", "cannot be read", ""),
            (
                "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
                "takes too long",
                "",
            ),
            ("{{ title|shout }}", "shout", ""),
            ("{% include 'x' %}", "cannot be read", ""),
        ] {
            let error = Template::new(source, Markup::Plain, &[sample::alert()]).unwrap_err();
            assert!(error.message.contains(message), "{source}: {error:?}");
            if !at.is_empty() {
                assert_eq!(&source[error.range.unwrap()], at);
            }
        }
    }
}
