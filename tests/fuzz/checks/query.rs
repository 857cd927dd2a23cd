//! Any text is a query or an error that lies inside it; a query written out reads back as itself.

use wirewatch::rule::query;

pub fn check(text: &str) {
    match query::parse(text) {
        Ok(query) => {
            let written = query.to_string();
            let again = query::parse(&written).expect("what is written out is the language");
            assert_eq!(again.to_string(), written);
        }
        Err(error) => {
            text.get(error.range)
                .expect("the place lies inside the text");
        }
    }
}
