//! Shell-like patterns over names of assets.
//!
//! In: a pattern and a text. Out: whether they match.

/// True when the whole of `text` matches `pattern`: `*` stands for any text, also none, `?` for one byte.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut place) = (0, 0);
    // Where to go on when a star has to take one byte more.
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[place] => (at, place) = (at + 1, place + 1),
            _ => match star {
                Some((from, taken)) => {
                    star = Some((from, taken + 1));
                    (at, place) = (from + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_like_a_shell() {
        assert!(matches("zone_*", "zone_1") && matches("R80*", "R80711") && matches("tetouan", "tetouan") && matches("w?1", "wf1"));
        assert!(matches("*", "") && matches("a*b*c", "axxbyybzc") && matches("tarfaya/*", "tarfaya/T01"));
        assert!(!matches("zone_*", "tetouan") && !matches("wf", "wf1") && !matches("?", "") && !matches("a*b", "abc"));
        assert!(!matches(&"*a".repeat(40), &"a".repeat(39)));
    }
}
