//! Subjects and the filters that cover them.
//!
//! In: subjects of points. Out: one filter with wildcards, as a consumer of any server has room for (several came with server 2.10). Not here:
//! what a message means.

use std::collections::BTreeSet;

/// True for a subject, maybe with wildcards.
pub(super) fn is_filter(subject: &str) -> bool {
    let mut tokens = subject.split('.').peekable();
    while let Some(token) = tokens.next() {
        let is_good = match token {
            "" => false,
            "*" => true,
            ">" => tokens.peek().is_none(),
            plain => !plain.contains(['*', '>']) && !super::has_space(plain),
        };
        if !is_good {
            return false;
        }
    }
    true
}

/// True when the subject is among those the filter has.
pub(super) fn matches(filter: &str, subject: &str) -> bool {
    let (mut filter, mut subject) = (filter.split('.'), subject.split('.'));
    loop {
        match (filter.next(), subject.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
}

/// The narrowest single filter that has all of these. `None`: only `>` has.
pub(super) fn cover(subjects: &BTreeSet<&str>) -> Option<String> {
    let mut all = subjects.iter().map(|subject| subject.split('.').collect::<Vec<_>>());
    let mut whole = all.next()?;
    let mut is_open = false;
    for subject in all {
        is_open |= subject.len() != whole.len();
        let shared = whole.len().min(subject.len());
        whole.truncate(shared);
        for (known, given) in whole.iter_mut().zip(subject) {
            if *known != given {
                *known = "*";
            }
        }
    }
    if is_open {
        // `>` stands for at least one level.
        whole.pop();
        whole.push(">");
    }
    while whole.len() > 1 && whole.ends_with(&["*", ">"]) {
        whole.truncate(whole.len() - 2);
        whole.push(">");
    }
    (whole != [">"]).then(|| whole.join("."))
}
