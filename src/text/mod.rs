//! Text: markup to plain text, folding, words, stems, languages. Pure and allocation-shy: every item passes here.
//!
//! A word of a text and a word of a rule meet through their *forms* ([`stem`]): both are reduced to the same few strings
//! when one is an inflection of the other. [`words`] says where words begin and end, [`fold`] what writing differences
//! do not matter, [`language`] whose grammar is used.

pub mod fold;
pub mod html;
pub mod language;
pub mod stem;
pub mod words;
