//! Bytes to text, as browsers do it, with the one departure that feeds need: bytes that are valid UTF-8 beyond ASCII
//! are UTF-8, whatever the header or the declaration says. Servers and templates lie about it daily; the odds that
//! another encoding forms valid UTF-8 by chance are nil.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::Document;

/// The declaration is looked for in so many bytes: junk may stand before it.
const DECLARATION_BYTES_MAX: usize = 1024;
/// The detector sees so many bytes: enough to tell, and not the whole of a large body.
const DETECTED_BYTES_MAX: usize = 256 << 10;

/// The document's text. Malformed bytes become U+FFFD, never an error.
pub fn decode<'a>(document: &Document<'a>) -> Cow<'a, str> {
    let body = document.body;
    if let Some(text) = wide(body) {
        return Cow::Owned(text);
    }
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let labelled = labelled(document);
    if let Ok(text) = std::str::from_utf8(body) {
        let is_escaped_japanese = labelled.is_some_and(|encoding| {
            encoding == encoding_rs::ISO_2022_JP && memchr::memchr(0x1B, body).is_some()
        });
        if !is_escaped_japanese {
            return Cow::Borrowed(text);
        }
    }
    let (good, bad) = utf8_shares(body);
    // Another encoding has many more bad spots than good ones, whatever the label says.
    let is_damaged = good > bad * 2 || (labelled == Some(UTF_8) && good > bad);
    if is_damaged {
        return Cow::Owned(mend_utf8(body));
    }
    let encoding = match labelled {
        Some(encoding) if encoding != UTF_8 => encoding,
        _ => detect(body, document.url),
    };
    encoding.decode_without_bom_handling(body).0
}

/// UTF-16 and UTF-32, told by their mark or by the zeros around the first `<`.
fn wide(body: &[u8]) -> Option<String> {
    let utf16 = |encoding: &'static Encoding, skip: usize| {
        Some(
            encoding
                .decode_without_bom_handling(&body[skip..])
                .0
                .into_owned(),
        )
    };
    match body {
        [0xFF, 0xFE, 0, 0, ..] => Some(utf32(&body[4..], u32::from_le_bytes)),
        [0, 0, 0xFE, 0xFF, ..] => Some(utf32(&body[4..], u32::from_be_bytes)),
        [b'<', 0, 0, 0, ..] => Some(utf32(body, u32::from_le_bytes)),
        [0, 0, 0, b'<', ..] => Some(utf32(body, u32::from_be_bytes)),
        [0xFF, 0xFE, ..] => utf16(UTF_16LE, 2),
        [0xFE, 0xFF, ..] => utf16(UTF_16BE, 2),
        [b'<' | b'{', 0, ..] => utf16(UTF_16LE, 0),
        [0, b'<' | b'{', ..] => utf16(UTF_16BE, 0),
        _ => None,
    }
}

fn utf32(body: &[u8], read: fn([u8; 4]) -> u32) -> String {
    let (words, _) = body.as_chunks::<4>();
    words
        .iter()
        .map(|&word| char::from_u32(read(word)).unwrap_or('\u{FFFD}'))
        .collect()
}

/// The encoding that the header names, else the one that the declaration names. Names of encodings that these bytes
/// cannot be in (UTF-16 is dealt with by then) or that are no encoding count as none.
fn labelled(document: &Document<'_>) -> Option<&'static Encoding> {
    let usable = |label: &[u8]| {
        Encoding::for_label(label)
            .filter(|&found| found != REPLACEMENT && found != UTF_16BE && found != UTF_16LE)
    };
    let header = document.content_type.and_then(charset);
    header
        .and_then(|label| usable(label.as_bytes()))
        .or_else(|| declared(document.body).and_then(usable))
}

/// The `charset` parameter of a `Content-Type`.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches(['"', '\'']))
    })
}

/// The `encoding` of the XML declaration.
fn declared(body: &[u8]) -> Option<&[u8]> {
    let start = &body[..body.len().min(DECLARATION_BYTES_MAX)];
    let declaration = &start[memchr::memmem::find(start, b"<?xml")?..];
    let declaration = &declaration[..memchr::memchr(b'>', declaration)?];
    let value = &declaration[memchr::memmem::find(declaration, b"encoding")? + 8..];
    let value = value
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let (quote, value) = value.split_first()?;
    Some(value[..memchr::memchr(*quote, value)?].trim_ascii())
}

/// How many letters beyond ASCII are good UTF-8, and how many spots are bad: a cut, a paste from elsewhere. A surrogate
/// pair is neither.
fn utf8_shares(body: &[u8]) -> (usize, usize) {
    let (mut good, mut bad) = (0_usize, 0_usize);
    walk(body, |spot| match spot {
        Spot::Valid(text) => good += text.bytes().filter(|byte| byte >= &0xC2).count(),
        Spot::Pair(_) => {}
        Spot::Bad { .. } => bad += 1,
    });
    (good, bad)
}

/// The good parts as they are, the bad bytes as Windows-1252: that is what such pastes are.
fn mend_utf8(body: &[u8]) -> String {
    let mut text = String::with_capacity(body.len());
    walk(body, |spot| match spot {
        Spot::Valid(good) => text.push_str(good),
        Spot::Pair(letter) => text.push(letter),
        Spot::Bad { is_last, bytes } => {
            let is_cut_at_the_end = is_last && bytes.first() >= Some(&0xC2);
            if !is_cut_at_the_end {
                text.push_str(&WINDOWS_1252.decode_without_bom_handling(bytes).0);
            }
        }
    });
    text
}

/// What stands in bytes that are nearly UTF-8.
enum Spot<'a> {
    Valid(&'a str),
    /// A letter as the two halves of its UTF-16, three bytes each: what Java and old MySQL write (CESU-8).
    Pair(char),
    Bad {
        bytes: &'a [u8],
        is_last: bool,
    },
}

fn walk<'a>(body: &'a [u8], mut take: impl FnMut(Spot<'a>)) {
    // Bytes of a pair that the chunks still bring one by one.
    let mut of_pair = 0_usize;
    let mut rest = body;
    for chunk in body.utf8_chunks() {
        let (valid, bytes) = (chunk.valid(), chunk.invalid());
        if !valid.is_empty() {
            take(Spot::Valid(valid));
        }
        let from_bad = rest.get(valid.len()..).unwrap_or_default();
        rest = from_bad.get(bytes.len()..).unwrap_or_default();
        if bytes.is_empty() {
            continue;
        }
        if of_pair == 0
            && let Some(letter) = surrogate_pair(from_bad)
        {
            take(Spot::Pair(letter));
            of_pair = 6;
        }
        match of_pair {
            0 => take(Spot::Bad {
                bytes,
                is_last: rest.is_empty(),
            }),
            _ => of_pair = of_pair.saturating_sub(bytes.len()),
        }
    }
}

/// The letter whose surrogates the bytes begin with.
fn surrogate_pair(bytes: &[u8]) -> Option<char> {
    let &[
        0xED,
        a @ 0xA0..=0xAF,
        b @ 0x80..=0xBF,
        0xED,
        c @ 0xB0..=0xBF,
        d @ 0x80..=0xBF,
        ..,
    ] = bytes
    else {
        return None;
    };
    let half = |high: u8, low: u8| u32::from(high & 0x0F) << 6 | u32::from(low & 0x3F);
    char::from_u32(0x10000 + (half(a, b) << 10) + half(c, d))
}

fn detect(body: &[u8], url: &str) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&body[..body.len().min(DETECTED_BYTES_MAX)], true);
    let host = url::Url::parse(url).ok();
    let tld = host
        .as_ref()
        .and_then(|url| url.host_str())
        .and_then(|host| host.rsplit('.').next())
        .filter(|tld| {
            tld.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        });
    detector.guess(tld.map(str::as_bytes), Utf8Detection::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], content_type: Option<&str>, want: &str) {
        let document = Document {
            body,
            content_type,
            url: "https://example.org/feed",
        };
        assert_eq!(decode(&document), want, "{body:?} {content_type:?}");
    }

    #[test]
    fn marks_and_zeros_tell_the_wide_encodings() {
        check(b"\xEF\xBB\xBF<a>\xC3\xA9", None, "<a>é");
        check(b"\xFF\xFE<\0a\0", Some("text/xml; charset=utf-8"), "<a");
        check(b"\xFE\xFF\0<\0a", None, "<a");
        check(b"<\0a\0", None, "<a");
        check(b"\0<\0a", None, "<a");
        check(b"\xFF\xFE\0\0<\0\0\0", None, "<");
        check(b"\0\0\0<\0\0\0a", None, "<a");
    }

    #[test]
    fn valid_utf8_wins_over_what_is_said() {
        check("é".as_bytes(), Some("text/xml; charset=iso-8859-1"), "é");
        check(
            "<?xml encoding='koi8-r'?>é".as_bytes(),
            None,
            "<?xml encoding='koi8-r'?>é",
        );
        check(
            b"<?xml encoding='utf-16'?>a",
            None,
            "<?xml encoding='utf-16'?>a",
        );
    }

    #[test]
    fn the_header_comes_before_the_declaration() {
        let body = b"<?xml version='1.0' encoding=\"koi8-r\"?>\xD2";
        check(body, None, "<?xml version='1.0' encoding=\"koi8-r\"?>р");
        check(
            body,
            Some("text/xml; Charset=\"windows-1251\""),
            "<?xml version='1.0' encoding=\"koi8-r\"?>Т",
        );
        check(
            b"\x93caf\xE9\x94",
            Some("text/xml; charset=iso-8859-1"),
            "“café”",
        );
        check(
            b"\x1B$B8+\x1B(B",
            Some("text/xml; charset=iso-2022-jp"),
            "見",
        );
    }

    #[test]
    fn unknown_and_impossible_names_are_passed_over() {
        check(
            b"<?xml encoding='bogus'?>caf\xE9",
            None,
            "<?xml encoding='bogus'?>café",
        );
        check(
            b"<?xml encoding='hz-gb-2312'?>plain",
            None,
            "<?xml encoding='hz-gb-2312'?>plain",
        );
        let russian = encoding_rs::WINDOWS_1251
            .encode("Новости мира и войны сегодня")
            .0;
        check(&russian, None, "Новости мира и войны сегодня");
    }

    #[test]
    fn damaged_utf8_is_mended() {
        check(
            b"\xD0\xB2\xD0\xBE\xD0\xB9\xD0\xBD\xD0\xB0 \x93x\x94",
            None,
            "война “x”",
        );
        check(
            b"\xD0\xB2\xD0\xBE\xD0\xB9\xD0\xBD\xD0\xB0\xD0",
            None,
            "война",
        );
    }

    #[test]
    fn what_says_utf8_and_nearly_is_keeps_it() {
        let said = Some("text/xml; charset=utf-8");
        check(b"\xC3\x89t\xC3\xA9 \xC3\xA0 l\x92\xE9.", said, "Été à l’é.");
        check(b"\xC3\xA9", said, "é");
        // More bad than good: the label lies.
        check(b"caf\xE9 l\x92\xE9t\xE9 \xC3\xA9", said, "café l’été Ã©");
        let russian = encoding_rs::WINDOWS_1251
            .encode("Новости мира и войны сегодня")
            .0;
        check(&russian, said, "Новости мира и войны сегодня");
        for (encoding, text) in [
            (
                encoding_rs::GBK,
                "中国新闻社记者报道，北京今天下了一场大雪，交通受到影响。",
            ),
            (
                encoding_rs::SHIFT_JIS,
                "東京で大きな地震がありました。けが人はいません。",
            ),
            (
                encoding_rs::EUC_KR,
                "서울에서 큰 지진이 발생했습니다. 부상자는 없습니다.",
            ),
            (
                encoding_rs::BIG5,
                "台北今天下了一場大雨，交通受到影響，學校停課。",
            ),
        ] {
            let bytes = encoding.encode(text).0;
            assert_ne!(
                utf8_shares(&bytes).0.cmp(&utf8_shares(&bytes).1),
                std::cmp::Ordering::Greater,
                "{text}"
            );
        }
    }

    #[test]
    fn halves_of_letters_are_joined() {
        let pair = b"\xC3\xA9 \xED\xA0\xBD\xED\xB8\x80 fin";
        check(pair, Some("text/xml; charset=utf-8"), "é 😀 fin");
        check(
            b"\xC3\xA9 \xED\xA0\xBD\xED\xB8\x80\xED\xA0\xBD\xED\xB8\x81",
            None,
            "é 😀😁",
        );
        check(
            b"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9 \xED\xA0\xBD x",
            None,
            "ééééééé í\u{a0}½ x",
        );
    }
}
