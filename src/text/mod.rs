//! Text: markup to plain text, folding, words, stems, languages. Pure and allocation-shy: every item passes here.

pub mod html;
