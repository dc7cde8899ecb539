//! Rust text reduced to what the compiler acts on, so that a rule never trips over a comment, a string or a unit test.
//! In: a file's text. Out: text of the same length in lines, with what was taken out replaced by blanks.
//! A scanner, not a parser: it knows comments, strings, characters and matching braces, and no more.

/// The text with comments and the inside of strings and characters blanked.
pub(super) fn without_prose(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = prose_end(&chars, at);
        if end > at {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// The same, and without every item under `#[cfg(test)]`.
pub(super) fn without_tests(text: &str) -> String {
    let mut chars: Vec<char> = without_prose(text).chars().collect();
    let marker: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut at = 0;
    while at + marker.len() <= chars.len() {
        if chars[at..at + marker.len()] != marker[..] {
            at += 1;
            continue;
        }
        let end = item_end(&chars, at + marker.len());
        chars[at..end].iter_mut().filter(|c| **c != '\n').for_each(|c| *c = ' ');
        at = end;
    }
    chars.into_iter().collect()
}

/// Every place where `needle` stands as a whole path or word: (line number from 1, what follows it on that line).
pub(super) fn find<'a>(code: &'a str, needle: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let needle_starts_word = needle.starts_with(is_word);
    let needle_ends_word = needle.ends_with(is_word);
    code.lines().zip(1..).flat_map(move |(line, number)| {
        line.match_indices(needle).filter_map(move |(at, _)| {
            let after = &line[at + needle.len()..];
            let glued_before = needle_starts_word && line[..at].ends_with(is_word);
            let glued_after = needle_ends_word && after.starts_with(is_word);
            (!glued_before && !glued_after).then_some((number, after))
        })
    })
}

/// Where the comment, string or character beginning at `at` ends; `at` itself if none begins there.
fn prose_end(chars: &[char], at: usize) -> usize {
    let is = |offset: usize, c: char| chars.get(at + offset) == Some(&c);
    let after_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    if is(0, '/') && is(1, '/') {
        return chars[at..].iter().position(|&c| c == '\n').map_or(chars.len(), |length| at + length);
    }
    if is(0, '/') && is(1, '*') {
        return block_comment_end(chars, at);
    }
    if is(0, '"') {
        return string_end(chars, at + 1);
    }
    if is(0, 'r') && !after_word && (is(1, '"') || is(1, '#')) {
        let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
        if chars.get(at + 1 + hashes) == Some(&'"') {
            return raw_string_end(chars, at + 2 + hashes, hashes);
        }
    }
    if is(0, '\'') {
        if is(1, '\\') {
            return chars[at + 3..].iter().position(|&c| c == '\'').map_or(chars.len(), |length| at + 4 + length);
        }
        if is(2, '\'') {
            return at + 3;
        }
    }
    at
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut here = at;
    while here + 1 < chars.len() {
        match (chars[here], chars[here + 1]) {
            ('/', '*') => (depth, here) = (depth + 1, here + 2),
            ('*', '/') => (depth, here) = (depth - 1, here + 2),
            _ => here += 1,
        }
        if depth == 0 {
            return here;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut here = from;
    while here < chars.len() {
        match chars[here] {
            '\\' => here += 2,
            '"' => return here + 1,
            _ => here += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], from: usize, hashes: usize) -> usize {
    (from..chars.len())
        .find(|&here| chars[here] == '"' && chars[here + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes)
        .map_or(chars.len(), |here| here + 1 + hashes)
}

/// The end of the item that begins after an attribute: its semicolon, or its matching brace.
fn item_end(chars: &[char], from: usize) -> usize {
    let mut depth = 0_usize;
    for (here, &c) in chars.iter().enumerate().skip(from) {
        match c {
            ';' if depth == 0 => return here + 1,
            '{' => depth += 1,
            '}' if depth <= 1 => return here + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    chars.len()
}

#[test]
fn prose_is_blanked_and_code_stays() {
    let text = "let a = \"x.unwrap()\"; // todo!\nlet b = 'q'; /* no /* nested */ no */ let c: &'a str = r#\"un\"safe\"#; keep()";
    let code = without_prose(text);
    assert!(!code.contains("unwrap") && !code.contains("todo") && !code.contains("nested") && !code.contains("safe"), "{code}");
    assert!(code.contains("let c: &'a str =") && code.contains("keep()"), "{code}");
    assert_eq!(code.lines().count(), 2);
}

#[test]
fn escaped_quotes_do_not_end_a_string() {
    assert!(!without_prose(r#"f("a\"b.unwrap()", '\'', '"'); g()"#).contains("unwrap"));
    assert!(without_prose(r#"f("a\"b.unwrap()", '\'', '"'); g()"#).contains("g()"));
}

#[test]
fn items_under_test_are_blanked() {
    let code = without_tests(
        "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { if x { y.unwrap() } }\n}\n#[cfg(test)]\nuse z::Q;\nfn c() {}",
    );
    assert!(!code.contains("unwrap") && !code.contains('Q'), "{code}");
    assert!(code.contains("fn a()") && code.contains("fn c()"), "{code}");
}

#[test]
fn words_are_found_whole() {
    assert_eq!(find("a unsafe_code\nunsafe {", "unsafe").map(|(line, _)| line).collect::<Vec<_>>(), [2]);
    assert_eq!(find("use crate::store::Store;", "crate::").map(|(_, rest)| rest).collect::<Vec<_>>(), ["store::Store;"]);
}
