//! The checks of the fuzz targets, on a few inputs: so they compile and mean something before anybody fuzzes.

#[path = "../fuzz/checks/matching.rs"]
mod matching;
#[path = "../fuzz/checks/parse.rs"]
mod parse;
#[path = "../fuzz/checks/query.rs"]
mod query;

#[test]
fn matching_and_explaining_agree() {
    let many = "army\ttown\t=US\tclose in\tarmy NEAR/3 town\tNOT peace\t/f[ai]ll/\tshell*\tarmy AND NOT town";
    let few = "army NOT NEAR/2 salvation\ttitle:(rebel OR army)";
    let items = [
        "Army nears town in war\nShelling fell as rebels close in; US looks on",
        "Peace\nNothing fell",
        "\n",
        "Ordu\nİstanbul'da savaş, الجيش",
    ];
    for entries in [many, few, "\"unclosed", ""] {
        for item in items {
            matching::check(&format!("{entries}\n{item}"));
        }
    }
}

#[test]
fn any_bytes_are_a_feed_or_an_error() {
    for data in [
        &b"<rss><channel><item><title>A</title><guid>1</guid></item></channel></rss>"[..],
        b"\x00<feed><entry><id>x</id><title>\xc0\xe1</title></entry></feed>",
        b"\x01{\"version\":\"https://jsonfeed.org/version/1.1\",\"items\":[{\"id\":1}]}",
        b"",
    ] {
        parse::check(data);
    }
}

#[test]
fn any_text_is_a_query_or_an_error() {
    for text in [
        "a AND (b OR NOT c)",
        "(",
        "a NEAR/5 \"b c\"",
        "=",
        "@x ONEAR/99 y",
        "/(/",
    ] {
        query::check(text);
    }
}
