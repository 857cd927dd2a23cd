//! The values that stand in strings: times, sizes, addresses, languages, names. Each reader says what is wrong, where in
//! the string, and what to write instead; none repeats a value that came from the environment.

use std::ops::Range;

use url::Url;

/// What is wrong with a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Bytes of the string; all of it where `None`.
    pub range: Option<Range<usize>>,
    /// Follows the value: `is not a size`.
    pub message: String,
    pub help: Option<String>,
}

impl Complaint {
    pub fn new(message: impl Into<String>) -> Complaint {
        Complaint {
            range: None,
            message: message.into(),
            help: None,
        }
    }

    pub fn help(self, help: impl Into<String>) -> Complaint {
        Complaint {
            help: Some(help.into()),
            ..self
        }
    }

    pub fn at(self, range: Range<usize>) -> Complaint {
        Complaint {
            range: Some(range),
            ..self
        }
    }
}

/// Bytes, written `512KiB`.
pub fn size(text: &str) -> Result<u64, Complaint> {
    let help = "write a whole number and B, KiB, MiB or GiB, such as 512KiB or 8MiB";
    let split = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.trim_start() {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(Complaint::new("is not a size").help(help)),
    };
    let number: Option<u64> = number.parse().ok();
    match number.and_then(|number| number.checked_mul(1 << shift)) {
        Some(bytes) => Ok(bytes),
        None => Err(Complaint::new("is not a size").help(help)),
    }
}

/// Bytes as [`size`] reads them, in the largest unit that is whole.
pub fn show_size(bytes: u64) -> String {
    match () {
        () if bytes > 0 && bytes.is_multiple_of(1 << 30) => format!("{}GiB", bytes >> 30),
        () if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        () if bytes > 0 && bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        () => format!("{bytes}B"),
    }
}

/// `30/h`: how many in how long.
pub fn rate(text: &str) -> Result<(), Complaint> {
    let is_rate = text.split_once('/').is_some_and(|(number, unit)| {
        let number: Option<u32> = number.parse().ok();
        number.is_some_and(|number| number > 0) && matches!(unit, "s" | "m" | "h" | "d")
    });
    match is_rate {
        true => Ok(()),
        false => {
            Err(Complaint::new("is not a rate")
                .help("write a number and s, m, h or d, such as 30/h"))
        }
    }
}

/// `22:00-06:30`.
pub fn hours(text: &str) -> Result<(), Complaint> {
    let is_time = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let number = |text: &str, max: u32| {
            let is_two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_two_digits && text.parse().is_ok_and(|number: u32| number <= max)
        };
        (number(hour, 23) && number(minute, 59)).then_some(())
    };
    let (from, to) = text.split_once('-').unwrap_or((text, ""));
    match (is_time(from), is_time(to)) {
        (Some(()), Some(())) if from != to => Ok(()),
        _ => Err(Complaint::new("is not a span of hours")
            .help("write two different times of day, such as 22:00-06:30")),
    }
}

/// A name of the IANA time zone database. Where the machine has no such database every plausible name passes.
pub fn time_zone(text: &str) -> Result<(), Complaint> {
    if jiff::tz::TimeZone::get(text).is_ok() {
        return Ok(());
    }
    let known: Vec<String> = jiff::tz::db()
        .available()
        .map(|zone| zone.to_string())
        .collect();
    let is_plausible = text.contains('/') && !text.contains(char::is_whitespace);
    if known.is_empty() && is_plausible {
        return Ok(());
    }
    let complaint = Complaint::new("is not a time zone");
    Err(match did_you_mean(text, known.iter().map(String::as_str)) {
        Some(zone) => complaint.help(format!("did you mean `{zone}`?")),
        None => complaint.help("write a name such as Europe/Madrid"),
    })
}

/// An address to fetch or to post to.
pub fn web_url(text: &str) -> Result<Url, Complaint> {
    if let Some(at) =
        text.find(|character: char| character.is_whitespace() || character.is_control())
    {
        return Err(Complaint::new("has a space in it")
            .at(at..at + 1)
            .help("write %20 where the address really has a space"));
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            let complaint = Complaint::new("has no https:// or http:// in front");
            return Err(complaint.help("write the whole address"));
        }
        Err(error) => return Err(Complaint::new(format!("is not an address: {error}"))),
    };
    let scheme_range = 0..url.scheme().len().min(text.len());
    if !matches!(url.scheme(), "https" | "http") {
        let complaint = Complaint::new("does not begin with https:// or http://").at(scheme_range);
        return Err(
            match did_you_mean(url.scheme(), ["https", "http"].into_iter()) {
                Some(scheme) => complaint.help(format!("did you mean `{scheme}`?")),
                None => complaint,
            },
        );
    }
    // `http:/host` and `http:host` are repaired by browsers; here they are somebody's slip.
    if !text
        .get(url.scheme().len()..)
        .is_some_and(|rest| rest.starts_with("://"))
    {
        let complaint = Complaint::new("has no host").at(scheme_range);
        return Err(complaint.help(format!("write {}:// and then the host", url.scheme())));
    }
    if url
        .host_str()
        .is_none_or(|host| host.is_empty() || host == ".")
    {
        return Err(Complaint::new("names no host"));
    }
    Ok(url)
}

/// The address of a feed: of the web, or of a file.
pub fn feed_url(text: &str) -> Result<Url, Complaint> {
    if !text
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
    {
        let url = web_url(text)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Complaint::new("holds a user name or a password")
                .help("feeds that need a login are not supported yet"));
        }
        return Ok(url);
    }
    let help = "write file:// and the whole path, such as file:///srv/feeds/news.xml";
    match Url::parse(text) {
        Ok(url) if text.get(5..).is_some_and(|path| path.starts_with("///")) => {
            match url.to_file_path() {
                Ok(_) => Ok(url),
                Err(()) => Err(Complaint::new("names no file").help(help)),
            }
        }
        Ok(_) => Err(Complaint::new("does not name its file by the whole path").help(help)),
        Err(error) => Err(Complaint::new(format!("is not an address: {error}"))),
    }
}

/// Whether an address stands on this machine or a private network, as far as its own words tell.
pub fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
        }
        Some(url::Host::Ipv6(address)) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// A language as a primary subtag (BCP 47): `en`, and `en-GB` stands for it.
pub fn lang(text: &str) -> Result<String, Complaint> {
    let primary = text
        .split(['-', '_'])
        .next()
        .unwrap_or("")
        .to_ascii_lowercase();
    let is_code = match primary.len() {
        2 => LANGS.split(' ').any(|code| code == primary),
        3 if LANG_NAMES.iter().any(|(name, _)| *name == primary) => false,
        3 => primary.bytes().all(|byte| byte.is_ascii_lowercase()),
        _ => false,
    };
    if is_code {
        return Ok(primary);
    }
    let complaint = Complaint::new("is not a language code");
    let by_name = LANG_NAMES.iter().find(|(name, _)| *name == primary);
    Err(match by_name {
        Some((_, code)) => complaint.help(format!("write `{code}`")),
        None => complaint.help("write two letters such as en, ar, fa, ru, uk, he, tr, fr, es"),
    })
}

/// ISO 639-1.
const LANGS: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

const LANG_NAMES: &[(&str, &str)] = &[
    ("english", "en"),
    ("arabic", "ar"),
    ("persian", "fa"),
    ("farsi", "fa"),
    ("russian", "ru"),
    ("ukrainian", "uk"),
    ("ua", "uk"),
    ("hebrew", "he"),
    ("iw", "he"),
    ("turkish", "tr"),
    ("french", "fr"),
    ("spanish", "es"),
    ("german", "de"),
    ("chinese", "zh"),
    ("cn", "zh"),
    ("japanese", "ja"),
    ("jp", "ja"),
    ("gb", "en"),
    ("us", "en"),
    ("eng", "en"),
    ("ara", "ar"),
    ("fas", "fa"),
    ("per", "fa"),
    ("rus", "ru"),
    ("ukr", "uk"),
    ("heb", "he"),
    ("tur", "tr"),
    ("fra", "fr"),
    ("fre", "fr"),
    ("spa", "es"),
    ("deu", "de"),
    ("ger", "de"),
    ("zho", "zh"),
    ("chi", "zh"),
    ("jpn", "ja"),
];

/// The longest name of a feed, rule, list or receiver, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// A name of a feed, rule, list or receiver: letters and digits of any script, `-`, `_` and `.`.
pub fn name(text: &str) -> Result<(), Complaint> {
    if text.is_empty() {
        return Err(Complaint::new("is not a name: it is empty"));
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(Complaint::new(format!(
            "is too long: the most is {NAME_BYTES_MAX} bytes"
        )));
    }
    let odd = text.char_indices().find(|(_, character)| {
        !(character.is_alphanumeric() || matches!(character, '-' | '_' | '.'))
    });
    match odd {
        None => Ok(()),
        Some((at, character)) => Err(Complaint::new("is not a name")
            .at(at..at + character.len_utf8())
            .help("use letters, digits, `-`, `_` and `.`")),
    }
}

/// The candidate that a misspelt word was probably meant to be.
pub fn did_you_mean<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |text: &str| text.to_lowercase().replace('-', "_");
    let word: String = fold(word).chars().take(64).collect();
    let distance_max = match word.chars().count() {
        0..=2 => 1,
        len => (len / 3).max(1),
    };
    candidates
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &fold(candidate)),
                candidate,
            )
        })
        .filter(|(distance, candidate)| {
            *distance <= distance_max && *distance < candidate.chars().count()
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_show() {
        for (text, bytes) in [
            ("512KiB", 512 << 10),
            ("8MiB", 8 << 20),
            ("1GiB", 1 << 30),
            ("7B", 7),
            ("8 MiB", 8 << 20),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
            assert_eq!(size(&show_size(bytes)), Ok(bytes));
        }
        for bad in [
            "",
            "8",
            "8MB",
            "MiB",
            "-1B",
            "1.5MiB",
            "99999999999999999999GiB",
            "18446744073709551615GiB",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_of_feeds() {
        for good in [
            "https://example.org/rss",
            "HTTP://example.org",
            "http://[2001:db8::1]:8080/f",
            "file:///srv/a.xml",
            "https://пример.рф/лента",
        ] {
            assert!(feed_url(good).is_ok(), "{good}");
        }
        for (bad, message) in [
            ("example.org/rss", "has no https:// or http:// in front"),
            ("//example.org/rss", "has no https:// or http:// in front"),
            (
                "htps://example.org",
                "does not begin with https:// or http://",
            ),
            ("http:/example.org", "has no host"),
            ("https://", "is not an address: empty host"),
            ("https://exa mple.org", "has a space in it"),
            ("https://example.org\n", "has a space in it"),
            (
                "https://me:pw@example.org",
                "holds a user name or a password",
            ),
            ("file:news.xml", "does not name its file by the whole path"),
            (
                "file://host/news.xml",
                "does not name its file by the whole path",
            ),
            (
                "ftp://example.org/rss",
                "does not begin with https:// or http://",
            ),
            (
                "https://example.org:99999/",
                "is not an address: invalid port number",
            ),
        ] {
            assert_eq!(feed_url(bad).unwrap_err().message, message, "{bad}");
        }
    }

    #[test]
    fn languages_are_primary_subtags() {
        for (text, code) in [
            ("en", "en"),
            ("en-GB", "en"),
            ("PT_br", "pt"),
            ("ckb", "ckb"),
        ] {
            assert_eq!(lang(text).as_deref(), Ok(code));
        }
        for (bad, help) in [
            ("english", "write `en`"),
            ("ua", "write `uk`"),
            ("eng", "write `en`"),
            (
                "xx",
                "write two letters such as en, ar, fa, ru, uk, he, tr, fr, es",
            ),
        ] {
            assert_eq!(lang(bad).unwrap_err().help.as_deref(), Some(help), "{bad}");
        }
    }

    #[test]
    fn hours_and_rates() {
        assert!(hours("22:00-06:30").is_ok() && rate("30/h").is_ok());
        for bad in [
            "",
            "22-6",
            "24:00-06:00",
            "22:60-06:00",
            "22:00-22:00",
            "22:00",
            "é:é-é:é",
        ] {
            assert!(hours(bad).is_err(), "{bad}");
        }
        for bad in ["", "30", "0/h", "30/w", "-1/h", "30/h/h"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn misspelt_words_are_recognised() {
        let keys = ["interval", "max_interval", "timeout", "url", "tags"];
        for (word, meant) in [
            ("intervall", Some("interval")),
            ("max-interval", Some("max_interval")),
            ("URL", Some("url")),
            ("ulr", Some("url")),
            ("tag", Some("tags")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(did_you_mean(word, keys.into_iter()), meant, "{word}");
        }
    }
}
