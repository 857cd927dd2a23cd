//! Language tags to primary subtags.

/// The primary subtag of a language tag, lower case: `en` of `en-GB` and `en_US`. `None` for what names no language
/// (`und`, `mul`, `zxx`) and for what is no tag.
pub fn primary(tag: &str) -> Option<String> {
    let subtag = tag.trim().split(['-', '_']).next().unwrap_or_default();
    let is_subtag =
        matches!(subtag.len(), 2 | 3) && subtag.bytes().all(|byte| byte.is_ascii_alphabetic());
    let lower = subtag.to_ascii_lowercase();
    let names_one = is_subtag && !matches!(&*lower, "und" | "mul" | "zxx" | "mis");
    match &*lower {
        // Three letters where the tag registry has two, and the old tags of Hebrew and Indonesian.
        "eng" => Some("en".to_owned()),
        "ara" => Some("ar".to_owned()),
        "iw" => Some("he".to_owned()),
        "in" => Some("id".to_owned()),
        _ => names_one.then_some(lower),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_primary_subtags() {
        for (tag, want) in [
            ("en-gb", Some("en")),
            ("en_US", Some("en")),
            (" AR ", Some("ar")),
            ("fil", Some("fil")),
            ("iw-IL", Some("he")),
            ("mul", None),
            ("und", None),
            ("english", None),
            ("e", None),
            ("", None),
            ("12", None),
        ] {
            assert_eq!(primary(tag).as_deref(), want, "{tag:?}");
        }
    }
}
