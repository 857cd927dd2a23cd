use super::*;

/// What the query means, fully parenthesised.
fn check(text: &str, wanted: &str) {
    match parse(text) {
        Ok(query) => {
            assert_eq!(query.to_string(), wanted, "reading {text:?}");
            let again = parse(&query.to_string()).expect("the canonical form is the language");
            assert_eq!(again.to_string(), wanted, "reading it again");
        }
        Err(error) => panic!("{text:?}: {error:?}"),
    }
}

fn check_error(text: &str, marked: &str, message: &str, help: &str) {
    let error = parse(text).expect_err("not the language");
    assert_eq!(&text[error.range.clone()], marked, "{text:?}: {error:?}");
    assert!(error.message.contains(message), "{text:?}: {error:?}");
    let given = error.help.unwrap_or_default();
    assert!(given.contains(help), "{text:?}: help is {given:?}");
}

#[test]
fn not_then_near_then_and_then_or() {
    check("a OR b AND c", r#""a" OR ("b" AND "c")"#);
    check("a AND b NEAR/3 c", r#""a" AND ("b" NEAR/3 "c")"#);
    check("NOT a AND b", r#"NOT "a" AND "b""#);
    check("a AND NOT b OR c", r#"("a" AND NOT "b") OR "c""#);
    check("a NOT b", r#""a" AND NOT "b""#);
    check("a NEAR/3 b NEAR/4 c", r#"("a" NEAR/3 "b") NEAR/4 "c""#);
    check("a NOT NEAR/1 b", r#""a" NOT NEAR/1 "b""#);
    check("a ONEAR/50 (b OR c)", r#""a" ONEAR/50 ("b" OR "c")"#);
    check("NOT (a OR b)", r#"NOT ("a" OR "b")"#);
    check("a AND (b AND c)", r#""a" AND ("b" AND "c")"#);
}

#[test]
fn words_of_an_entry_are_a_phrase() {
    check("rebel advance", r#""rebel advance""#);
    check("bombard* city", r#""bombard* city""#);
    check("search and rescue", r#""search and rescue""#);
    check(r#""close in on" OR seize"#, r#""close in on" OR "seize""#);
    check("=HTS", r#"="HTS""#);
    check(r#"="Islamic State""#, r#"="Islamic State""#);
    check("“close in”", r#""close in""#);
    check("צה\"ל תקף", "\"צה\"ל תקף\"");
    check("10:30", r#""10:30""#);
    check("air-strike", r#""air-strike""#);
}

#[test]
fn fields_lists_and_expressions() {
    check("title:(a OR b)", r#"title:("a" OR "b")"#);
    check(
        "@armed-group NEAR/8 (advance OR \"close in on\")",
        r#"@armed-group NEAR/8 ("advance" OR "close in on")"#,
    );
    check(r"/a\/b\d+/", r"/a\/b\d+/");
    check("url:/x/", "url:/x/");
    check("lang:en", r#"lang:"en""#);
    check("author:\"Jane Doe\"", r#"author:"Jane Doe""#);
}

#[test]
fn mistakes_are_told_with_place_and_way_out() {
    check_error("", "", "empty", "word");
    check_error("(a OR b", "(", "unclosed parenthesis", "closing");
    check_error("a OR b)", ")", "without an opening", "remove");
    check_error(
        "rebel advance OR x",
        "rebel advance",
        "no operator",
        "\"rebel advance\"",
    );
    check_error("(advance or capture)", "or", "plain word", "OR");
    check_error("a near/8 (b OR c)", "near/8", "plain word", "NEAR/8");
    check_error("a NEAR b", "NEAR", "without a distance", "NEAR/8");
    check_error("a NEAR/51 b", "NEAR/51", "no distance", "1 to 50");
    check_error("a NEAR/0 b", "NEAR/0", "no distance", "1 to 50");
    check_error("titel:a", "titel:", "unknown field", "title:");
    check_error("title: a", "title:", "nothing follows", "no space");
    check_error("\"a b", "\"a b", "unclosed quote", "closing");
    check_error("/a", "/a", "unclosed regular", "/");
    check_error("bo*", "bo*", "too much", "3 letters");
    check_error("a*b", "a*b", "inside a word", "end");
    check_error("()", "()", "nothing between", "word");
    check_error("a AND", "", "missing at the end", "after");
    check_error("AND a", "AND", "nothing before", "both sides");
    check_error("NOT a NEAR/3 b", "NOT a", "NOT inside", "NOT NEAR");
    check_error("@ a", "@", "name", "@armed-group");
    check_error("= a", "=", "no word", "without a space");
    check_error("rebel NEER/8 advance", "NEER/8", "no operator", "NEAR/8");
    check_error("rebel near/8 advance", "near/8", "plain word", "NEAR/8");
    check_error("rebel Onear/3 advance", "Onear/3", "plain word", "ONEAR/3");
    check_error("(a OR b) w/5 c", "w/5", "no operator", "NEAR/5");
    check_error("a PRE/2 b", "PRE/2", "no operator", "ONEAR/2");
    check_error("rebel -film", "-film", "excludes nothing", "NOT film");
    check_error("a && b", "&&", "no operator", "AND");
    check_error("a || b", "||", "no operator", "OR");
    check_error("a ANDNOT b", "ANDNOT", "no operator", "AND NOT");
    check_error("&", "&", "no letter", "/regex/");
    check_error("a AND & b", "&", "no letter", "/regex/");
    check_error(&"(".repeat(100), "(", "deeper", "@name");
}
