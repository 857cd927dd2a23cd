//! Month names and zone names as feeds write them.

/// Beginnings of month names, lower case, by month: English and the languages whose outlets put their own names in
/// dates. A full stop ends those that are whole words, because longer words begin alike. Where two beginnings fit, the
/// longer counts: the Finnish `marraskuu` is no March. Names that two languages give to two months mean what they mean
/// to the language with more feeds.
const MONTHS: [&str; 12] = [
    "jan gen ene oca sty jän jaan ian led. ledna leden tammi sij xan yan saus янв січ яну јан студз ιαν يناير ينا. \
     جانفي ژانویه ינו 一月",
    "feb fev fév şub lut úno únor helmi veeb velj vasar peb фев феб лют φεβ فبراير فيفري فوریه شباط פבר 二月",
    "mar mär maer mrz mrt maart maalis márc bře ožu mac. kovo. мар бер сак μαρ μάρ مارس آذار اذار מרץ מרס 三月",
    "apr abr avr nis kwi ápr dub. dubna duben huhti travnj travanj baland апр кві крас απρ أبريل ابريل إبريل أفريل افريل \
     آوریل نيسان אפר 四月",
    "may mai mag mei maj máj maí kvě květ touko svib geguž мая май мај тра μαι μαΐ μάι μαϊ مايو ماي. أيار ايار מאי 五月",
    "jun giu juin haz cze jún jūn iun iyn čer. čvn června červen. kesä juuni lipnj lipanj birž xuñ hunyo июн чер јун юни чэр \
     ιουν ιούν يونيو جوان. حزيران ژوئن יונ 六月",
    "jul lug juil tem lip júl jūl iul iyl iyul čvc červenc heinä juuli srpnj srpanj liep xul hulyo июл лип јул юли ліп \
     ιουλ ιούλ يوليو جويلية تموز ژوئیه יול 七月",
    "aug ago aou aoû ağu sie agu avg avq ágú agt. ags. ogos srpna srpen elo. elok kolov rugpj авг сер жні αυγ αύγ أغسطس \
     اغسطس أوت. غشت آب. أگوست אוג 八月",
    "sep set eyl wrz szep sze. sent zář syys rujn rujan rugs сен сеп вер σεπ سبتمبر شتنبر أيلول ايلول سپتامبر ספט 九月",
    "oct okt out ott eki paź říj loka ruj. spal жов окт кас οκτ أكتوبر اكتوبر اکتبر אוק 十月",
    "nov kas lis noi. noiem marras stud. studen lapkr noy nob nóv ноя нов ноем лис ліс νοε νοέ نوفمبر نونبر نوامبر נוב 十一月",
    "dec déc dez dic des ara gru dek dets pro. prosin joulu disy dis. gruod дек гру дец сне δεκ ديسمبر دجنبر دسامبر דצמ \
     十二月",
];

/// Beginnings of weekdays that begin as a month does: Tuesday in Romance languages and Wednesday in Hungarian and
/// Ukrainian.
const WEEKDAYS: &str = "mard marted martes marț marţ szer серед";

/// Arabic names of two words, as the Levant has them: the second tells which of two months.
const PAIRED: [(&str, u32, u32); 2] = [("تشرين", 10, 11), ("كانون", 12, 1)];

/// The month that a word names, 1 to 12. `next` is the word behind it.
pub fn month_of(word: &str, next: Option<&str>) -> Option<u32> {
    if word.len() < 3 {
        return None;
    }
    let lower = word.to_lowercase();
    if let Some((_, first, second)) = PAIRED.iter().find(|(name, ..)| *name == lower) {
        return match next?.trim_start_matches("ال") {
            "أول" | "اول" => Some(*first),
            "ثاني" | "ثانى" => Some(*second),
            _ => None,
        };
    }
    // Hebrew joins "in" to the name.
    named(&lower).or_else(|| lower.strip_prefix('ב').and_then(named))
}

fn named(word: &str) -> Option<u32> {
    let length = |start: &str| match start.strip_suffix('.') {
        Some(whole) => (whole == word).then_some(whole.len()),
        None => word.starts_with(start).then_some(start.len()),
    };
    let longest = |starts: &str| starts.split_ascii_whitespace().filter_map(length).max();
    let (month, found) = (1..)
        .zip(MONTHS)
        .filter_map(|(month, starts)| Some((month, longest(starts)?)))
        .max_by_key(|&(_, length)| length)?;
    (longest(WEEKDAYS) < Some(found)).then_some(month)
}

/// Whether the one letter of a unit parts hours from minutes: `10h05`, `10時05分`.
pub fn is_hour_mark(word: &str) -> bool {
    matches!(word, "h" | "H" | "時" | "时" | "點" | "点" | "시")
}

/// The offset of a named zone in seconds east of UTC. Names that several countries use mean what they mean in RFC 822.
pub fn offset_of(word: &str) -> Option<i32> {
    let quarter_hours = match word.to_ascii_uppercase().as_str() {
        "Z" | "UT" | "UTC" | "GMT" | "WET" | "GMST" => 0,
        "BST" | "CET" | "MEZ" | "MET" | "WEST" | "WAT" => 4,
        "CEST" | "MESZ" | "MEST" | "EET" | "CAT" | "SAST" => 8,
        "EEST" | "MSK" | "EAT" | "TRT" | "IDT" => 12,
        "MSD" | "GST" => 16,
        "IRST" => 14,
        "AFT" => 18,
        "PKT" | "UZT" => 20,
        "IST" => 22,
        "NPT" => 23,
        "BDT" => 24,
        "MMT" => 26,
        "ICT" | "WIB" => 28,
        "HKT" | "SGT" | "AWST" | "PHT" | "MYT" | "WITA" => 32,
        "JST" | "KST" | "WIT" => 36,
        "ACST" => 38,
        "AEST" => 40,
        "ACDT" => 42,
        "AEDT" => 44,
        "NZST" => 48,
        "NZDT" => 52,
        "NDT" => -10,
        "BRT" | "ART" | "ADT" | "UYT" | "CLST" => -12,
        "NST" => -14,
        "EDT" | "AST" | "VET" | "CLT" => -16,
        "EST" | "CDT" | "ET" | "COT" | "PET" => -20,
        "CST" | "MDT" | "CT" => -24,
        "MST" | "PDT" | "MT" => -28,
        "PST" | "AKDT" | "PT" => -32,
        "AKST" => -36,
        "HST" => -40,
        _ => return None,
    };
    Some(quarter_hours * 900)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_are_no_months() {
        for day in "mon tue wed thu fri sat sun monday lun mer jeu ven sam dim die mit don пон вто сре чет пят суб вос \
                    mardi martedì martes marți maandag maa szerda sob nie sel rab kam jum sen senin середа пʼятниця \
                    maanantai tiistai sel. paz cum salı vasárnap úterý čtv pát sri čet الأحد الثلاثاء"
            .split_whitespace()
        {
            assert_eq!(month_of(day, None), None, "{day}");
        }
    }

    /// The twelve months of a language in order, in the forms in which they stand in dates.
    #[test]
    fn a_year_in_many_languages() {
        for year in [
            "January February March April May June July August September October November December",
            "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
            "Jän Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
            "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
            "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
            "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
            "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
            "januari februari maart april mei juni juli augustus september oktober november december",
            "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
            "ian feb mar apr mai iun iul aug sep oct noi dec",
            "led úno bře dub kvě čvn čvc srpna zář říj lis pro",
            "ledna února března dubna května června července srpna září října listopadu prosince",
            "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
            "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta \
             marraskuuta joulukuuta",
            "tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu",
            "jaan veebr märts apr mai juuni juuli aug sept okt nov dets",
            "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
            "január február március április május június július augusztus szeptember október november december",
            "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
            "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
            "януари февруари март април май юни юли август септември октомври ноември декември",
            "јан феб мар апр мај јун јул авг сеп окт нов дец",
            "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
            "جانفي فيفري مارس أفريل ماي جوان جويلية أوت سبتمبر أكتوبر نوفمبر ديسمبر",
            "يناير فبراير مارس أبريل ماي يونيو يوليوز غشت شتنبر أكتوبر نونبر دجنبر",
            "كانون_الثاني شباط آذار نيسان أيار حزيران تموز آب أيلول تشرين_الأول تشرين_الثاني كانون_الأول",
            "sausio vasario kovo balandžio gegužės birželio liepos rugpjūčio rugsėjo spalio lapkričio gruodžio",
            "一月 二月 三月 四月 五月 六月 七月 八月 九月 十月 十一月 十二月",
        ] {
            for (word, want) in year.split_whitespace().zip(1..) {
                let (name, next) = word.split_once('_').unzip();
                assert_eq!(month_of(name.unwrap_or(word), next), Some(want), "{word}");
            }
        }
        assert_eq!(month_of("تشرين", None), None);
    }
}
