//! Where the parts of a line end, and what escapes in them stand for.
//!
//! In: bytes. Out: positions and unescaped text. Not here: what the parts mean.

use memchr::memchr;
use memchr::memchr2;
use memchr::memchr3;
use std::borrow::Cow;

/// The first `needle` at or after `from` that has no backslash before it.
pub(super) fn unescaped(bytes: &[u8], needle: u8, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr(needle, bytes.get(at..)?)?;
        if at == 0 || bytes[at - 1] != b'\\' {
            return Some(at);
        }
        at += 1;
    }
}

/// The first comma, equals sign or blank at or after `from` that has no backslash before it.
pub(super) fn delimiter(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr3(b',', b'=', b' ', bytes.get(at..)?)?;
        if at == 0 || bytes[at - 1] != b'\\' {
            return Some(at);
        }
        at += 1;
    }
}

/// The quote that closes a string whose text begins at `from`.
pub(super) fn closing_quote(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// The line end that follows a string whose text begins at `from` and the strings after it; none beyond `limit`.
pub(super) fn end_of_strings(body: &[u8], from: usize, limit: usize) -> Option<usize> {
    let within = &body[..limit.min(body.len())];
    let mut at = closing_quote(within, from)? + 1;
    loop {
        match memchr2(b'"', b'\n', &within[at..]) {
            Some(length) if within[at + length] == b'"' => at = closing_quote(within, at + length + 1)? + 1,
            Some(length) => return Some(at + length),
            None => return (within.len() == body.len()).then_some(body.len()),
        }
    }
}

/// The first byte at or after `from` that is no blank; the length of `bytes` where there is none.
#[inline]
pub(super) fn past_blanks(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while matches!(bytes.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}

/// Measurement, tag or field key as it was meant: `\,` `\=` `\ ` lose the backslash, other backslashes stand for themselves.
pub(super) fn key(raw: &[u8]) -> Cow<'_, [u8]> {
    without_escapes(raw, |next| matches!(next, b',' | b'=' | b' '))
}

/// Text of a string as it was meant: `\"` and `\\` lose the first backslash.
pub(super) fn text(raw: &[u8]) -> Cow<'_, [u8]> {
    without_escapes(raw, |next| matches!(next, b'"' | b'\\'))
}

fn without_escapes(raw: &[u8], is_escaped: impl Fn(u8) -> bool) -> Cow<'_, [u8]> {
    if memchr(b'\\', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        if raw[at] == b'\\' && raw.get(at + 1).is_some_and(|&next| is_escaped(next)) {
            at += 1;
        }
        out.push(raw[at]);
        at += 1;
    }
    Cow::Owned(out)
}
