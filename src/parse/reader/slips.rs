//! Slips of those who write feeds by hand or by template: elements never closed, closing tags mistyped, items left empty.

use crate::text::html;

use super::{
    super::{
        names::Element,
        xml::{Piece, Pieces, Tag},
    },
    Reader, same_name,
};

/// So far ahead a short text's closing tag is looked for, where another element begins within it.
const CLOSE_BYTES_MAX: usize = 512;

impl Reader<'_> {
    /// Whether the element whose text is being read was left open, though `tag` begins: it has words, and no closing tag
    /// of its own comes soon, or another opening comes first.
    pub(super) fn was_never_closed(&mut self, tag: &Tag<'_>) -> bool {
        let Some(capture) = &mut self.capture else {
            return false;
        };
        if capture.is_closed || (self.buffer.is_empty() && capture.single.is_none()) {
            return false;
        }
        if same_name(tag.name, capture.name) {
            return true;
        }
        let ahead = self.text.get(self.pieces.piece_end()..).unwrap_or_default();
        let ahead = html::clean::head(ahead, CLOSE_BYTES_MAX);
        let tags = Pieces::of(ahead).filter_map(|piece| match piece {
            Piece::Open(tag) => Some((tag.name, false)),
            Piece::Close(name) => Some((name, true)),
            Piece::Text(_) | Piece::Cdata(_) => None,
        });
        let mut own = tags.filter(|(name, _)| same_name(name, capture.name));
        capture.is_closed = own.next().is_some_and(|(_, is_close)| is_close);
        !capture.is_closed
    }
}

/// Whether a document's part has neither words nor attributes.
pub(super) fn is_bare(part: &str) -> bool {
    Pieces::of(part).all(|piece| match piece {
        Piece::Open(tag) => tag.attributes.trim_ascii().is_empty(),
        Piece::Close(_) => true,
        Piece::Text(text) | Piece::Cdata(text) => text.trim_ascii().is_empty(),
    })
}

/// Whether the second element is no part of a text of the first: a word, a name or an address holds none of an item's
/// other elements.
pub(super) fn is_neighbour(text: Element, other: Element) -> bool {
    use Element::*;
    let is_simple = matches!(
        text,
        Link | Guid | Id | Published | Dated | Updated | Author | Creator | Category
    );
    is_simple
        && matches!(
            other,
            Title
                | Link
                | Guid
                | Id
                | Summary
                | Content
                | Published
                | Dated
                | Updated
                | Author
                | Creator
                | Category
                | Source
        )
}

/// Whether a closing tag is that of `name` with a letter too many, missing, another, or two in the wrong order.
pub(super) fn is_slip(closing: &str, name: &str) -> bool {
    let (left, right) = (closing.as_bytes(), name.as_bytes());
    let is_near = name.len() >= 4 && left.len().abs_diff(right.len()) <= 1;
    if !is_near {
        return false;
    }
    let same = |(a, b): &(&u8, &u8)| a.eq_ignore_ascii_case(b);
    let start = left.iter().zip(right).take_while(same).count();
    let (left, right) = (
        left.get(start..).unwrap_or_default(),
        right.get(start..).unwrap_or_default(),
    );
    let end = left
        .iter()
        .rev()
        .zip(right.iter().rev())
        .take_while(same)
        .count();
    match (left.get(..left.len() - end), right.get(..right.len() - end)) {
        (Some([a, b]), Some([c, d])) => a.eq_ignore_ascii_case(d) && b.eq_ignore_ascii_case(c),
        (Some(left), Some(right)) => left.len() <= 1 && right.len() <= 1,
        _ => false,
    }
}
