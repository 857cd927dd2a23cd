//! What a body is that is no feed, in words that help: the operator reads them in `feeds` and in the log.

use crate::text::html;

/// Says what the body looks like.
pub fn describe(text: &str, root: &str) -> String {
    let start = text.trim_start();
    if start.is_empty() {
        return "the body is empty".to_owned();
    }
    if let Some(kind) = magic(start) {
        return format!("it is {kind}");
    }
    if looks_like_html(start, root) {
        return html_page(start);
    }
    if start.starts_with(['{', '[']) {
        return format!("it is JSON without items: {}", beginning(start));
    }
    match root {
        "" => format!("it is plain text: {}", beginning(start)),
        "opml" => "it is an OPML list of feeds; `feeds import` reads it".to_owned(),
        "urlset" | "sitemapindex" => "it is a sitemap".to_owned(),
        _ => format!(
            "it is XML that begins with <{}>",
            html::plain_within(root, 40)
        ),
    }
}

fn magic(start: &str) -> Option<&'static str> {
    // Compressed and binary data decode to text of another encoding; their first ASCII bytes stay.
    let marks = [
        ("%PDF", "a PDF document"),
        ("PK\u{3}\u{4}", "a ZIP archive"),
        ("GIF8", "a picture"),
        ("\u{2030}PNG", "a picture"),
        ("\u{FF}Ø", "a picture"),
        ("\u{1F}\u{2039}", "gzip data that nobody unpacked"),
    ];
    let found = marks.iter().find(|(mark, _)| start.starts_with(mark));
    found.map(|(_, kind)| *kind)
}

fn looks_like_html(start: &str, root: &str) -> bool {
    let is_doctype = start
        .get(..14)
        .is_some_and(|start| start.eq_ignore_ascii_case("<!doctype html"));
    let is_html_element = matches!(
        root,
        "html"
            | "head"
            | "body"
            | "title"
            | "meta"
            | "script"
            | "style"
            | "div"
            | "p"
            | "h1"
            | "h2"
            | "br"
            | "b"
            | "center"
            | "table"
            | "form"
            | "hr"
            | "pre"
            | "span"
            | "a"
            | "iframe"
    );
    is_doctype || is_html_element
}

fn html_page(page: &str) -> String {
    // The marks of walls stand early in a page.
    let head = html::clean::head(page, 64 << 10).to_ascii_lowercase();
    let kind = if is_challenge(&head) {
        "a challenge page that wants a browser"
    } else if head.contains("type=\"password\"")
        || head.contains("type='password'")
        || head.contains("type=password")
    {
        "a login page"
    } else {
        "an HTML page"
    };
    match title(page, &head) {
        Some(title) => format!("it is {kind} titled \"{title}\""),
        None => format!("it is {kind}"),
    }
}

fn is_challenge(head: &str) -> bool {
    [
        "<title>just a moment",
        "<title>attention required",
        "cf-challenge",
        "cf-browser-verification",
        "/cdn-cgi/challenge-platform",
        "g-recaptcha",
        "h-captcha",
        "captcha-delivery.com",
        "_incapsula_resource",
        "<title>access denied",
        "ddos-guard",
    ]
    .iter()
    .any(|mark| head.contains(mark))
}

fn title(page: &str, head: &str) -> Option<String> {
    let from = head.find("<title")?;
    let from = from + head[from..].find('>')? + 1;
    let length = head[from..].find("</title")?;
    // Lower-casing ASCII moves no byte, so places in one are places in the other.
    let title = html::to_text_within(page.get(from..from + length)?, 100);
    (!title.is_empty()).then_some(title)
}

fn beginning(text: &str) -> String {
    format!("\"{}\"", html::plain_within(text, 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_told_for_what_it_is() {
        for (text, root, want) in [
            ("", "", "the body is empty"),
            ("  \n", "", "the body is empty"),
            (
                "<!DOCTYPE html><title>News &amp; more</title>",
                "title",
                "it is an HTML page titled \"News & more\"",
            ),
            ("<html><body>x", "html", "it is an HTML page"),
            (
                "<html><head><title>Just a moment...</title>",
                "html",
                "it is a challenge page that wants a browser titled \"Just a moment...\"",
            ),
            (
                "<html><input type=\"password\">",
                "html",
                "it is a login page",
            ),
            (
                "{\"error\":\"gone\"}",
                "",
                "it is JSON without items: \"{\"error\":\"gone\"}\"",
            ),
            (
                "<center><h1>502 Bad Gateway</h1>",
                "center",
                "it is an HTML page",
            ),
            ("<urlset/>", "urlset", "it is a sitemap"),
            (
                "<opml/>",
                "opml",
                "it is an OPML list of feeds; `feeds import` reads it",
            ),
            (
                "<soap:Envelope/>",
                "envelope",
                "it is XML that begins with <envelope>",
            ),
            (
                "Service\u{1b}[2J unavailable",
                "",
                "it is plain text: \"Service[2J unavailable\"",
            ),
            ("%PDF-1.4", "", "it is a PDF document"),
        ] {
            assert_eq!(describe(text, root), want);
        }
    }
}
