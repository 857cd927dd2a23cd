//! Month names and zone names as feeds write them.

/// Beginnings of month names, lower case, by month: English and the languages whose outlets put their own names in
/// dates (German, French, Spanish, Portuguese, Italian, Dutch, Nordic, Turkish, Russian, Ukrainian, Polish, Greek,
/// Hungarian, Arabic, Hebrew, Indonesian).
const MONTHS: [&str; 12] = [
    "jan gen ene oca sty янв січ ιαν يناير ינו",
    "feb fev fév şub lut фев лют φεβ فبراير פבר",
    "mar mär maer mrz mrt maa már мар бер μαρ μάρ مارس מרץ מרס",
    "apr abr avr nis kwi ápr апр кві απρ أبريل ابريل إبريل אפר",
    "may mai mag mei maj máj май мая тра μαι μαΐ μάι μαϊ مايو מאי",
    "jun giu juin haz cze jún июн чер ιουν ιούν يونيو יונ",
    "jul lug juil tem lip júl июл лип ιουλ ιούλ يوليو יול",
    "aug ago aou aoû ağu sie agu авг сер αυγ αύγ أغسطس اغسطس אוג",
    "sep set eyl wrz sze сен вер σεπ سبتمبر ספט",
    "oct okt out ott eki paź окт жов οκτ أكتوبر اكتوبر אוק",
    "nov kas lis ноя нов нояб лис νοε νοέ نوفمبر נוב",
    "dec déc dez dic des ara gru дек гру δεκ ديسمبر דצמ",
];

/// The month that a word names, 1 to 12.
pub fn month_of(word: &str) -> Option<u32> {
    if word.len() < 3 {
        return None;
    }
    let lower = word.to_lowercase();
    let names = |word: &str| {
        MONTHS.iter().zip(1..).find_map(|(starts, month)| {
            let is_named = starts.split(' ').any(|start| word.starts_with(start));
            is_named.then_some(month)
        })
    };
    // Hebrew joins "in" to the name.
    names(&lower).or_else(|| lower.strip_prefix('ב').and_then(names))
}

/// The offset of a named zone in seconds east of UTC. Names that several countries use mean what they mean in RFC 822.
pub fn offset_of(word: &str) -> Option<i32> {
    let quarter_hours = match word.to_ascii_uppercase().as_str() {
        "Z" | "UT" | "UTC" | "GMT" | "WET" | "GMST" => 0,
        "BST" | "CET" | "MEZ" | "MET" | "WEST" | "WAT" => 4,
        "CEST" | "MESZ" | "MEST" | "EET" | "CAT" | "SAST" => 8,
        "EEST" | "MSK" | "EAT" | "TRT" | "IDT" => 12,
        "MSD" | "GST" => 16,
        "PKT" => 20,
        "IST" => 22,
        "ICT" | "WIB" => 28,
        "HKT" | "SGT" | "AWST" | "PHT" => 32,
        "JST" | "KST" => 36,
        "ACST" => 38,
        "AEST" => 40,
        "ACDT" => 42,
        "AEDT" => 44,
        "NZST" => 48,
        "NZDT" => 52,
        "NDT" => -10,
        "BRT" | "ART" | "ADT" => -12,
        "NST" => -14,
        "EDT" | "AST" => -16,
        "EST" | "CDT" | "ET" => -20,
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
        for day in "mon tue wed thu fri sat sun monday lun mer jeu ven sam dim die mit don пон вто сре чет пят суб вос"
            .split(' ')
        {
            assert_eq!(month_of(day), None, "{day}");
        }
    }
}
