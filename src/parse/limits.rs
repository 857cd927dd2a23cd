//! How much of a document is kept. Each is far above what real feeds hold; beyond it something is wrong, and the
//! daemon must not pay for it. Lengths are in bytes of UTF-8; texts are cut between characters.

/// Items of one document: the newest are kept, the others counted in `Parsed::dropped`.
pub const ITEMS_MAX: usize = 10_000;
/// Items that are looked at; a document with more is made to cost time, and the rest only counts as dropped.
pub const ITEMS_READ_MAX: usize = 100_000;
/// Elements within elements; what lies deeper is passed over.
pub const DEPTH_MAX: usize = 64;

/// What the entities that a document declares itself may become, all together.
pub const EXPANSION_BYTES_MAX: usize = 1 << 20;
/// Attributes of one tag that are looked at.
pub const ATTRIBUTES_MAX: usize = 256;

pub const ID_BYTES_MAX: usize = 8 << 10;
pub const TITLE_BYTES_MAX: usize = 2 << 10;
pub const SUMMARY_BYTES_MAX: usize = 16 << 10;
pub const CONTENT_BYTES_MAX: usize = 64 << 10;
/// A longer link is left out: cut, it would lead elsewhere.
pub const URL_BYTES_MAX: usize = 4 << 10;
pub const AUTHOR_BYTES_MAX: usize = 512;
pub const SOURCE_BYTES_MAX: usize = 512;
pub const CATEGORY_BYTES_MAX: usize = 256;
pub const CATEGORIES_MAX: usize = 32;
pub const HUBS_MAX: usize = 8;
