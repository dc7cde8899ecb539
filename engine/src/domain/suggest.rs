//! The nearest valid name, for errors that offer the remedy.

/// The candidate closest to `name` by Damerau–Levenshtein similarity, if any is at least 0.5 alike.
///
/// Of equals the first; case and separators (`_`, `-`, space) do not count. Returns `None` where nothing resembles the name.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = fold(name);
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&wanted, &fold(candidate)), candidate))
        .filter(|(score, _)| *score >= 0.5)
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, candidate)| candidate)
}

fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_the_slip_of_a_finger_and_nothing_else() {
        let names = ["active_power", "wind_speed", "temp_air"];
        assert_eq!(nearest("Activ Power", names), Some("active_power"));
        assert_eq!(nearest("windspeed", names), Some("wind_speed"));
        assert_eq!(nearest("zzz", names), None);
    }
}
