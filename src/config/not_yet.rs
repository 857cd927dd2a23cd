//! What the configuration may already say and this version does not do. It is read and type-checked like everything
//! else, then refused: never ignored. A version that learns one of these deletes its line here.

/// A table (`shape::Shape::path`), one of its keys, and what that is for.
const KEYS: &[(&str, &str, &str)] = &[];

/// What the key is for, where this version does not support it.
pub fn what(shape: &str, key: &str) -> Option<&'static str> {
    KEYS.iter()
        .find(|(of, name, _)| *of == shape && *name == key)
        .map(|(_, _, what)| *what)
}
