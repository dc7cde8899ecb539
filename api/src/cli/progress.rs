//! Progress bars on standard error; silent where nobody looks (no terminal).

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// A bar over bytes, with a free message (rows per second and the like).
pub(super) fn bytes(total: u64) -> ProgressBar {
    bar(total, "{spinner} {wide_bar} {bytes}/{total_bytes}  {msg}  eta {eta}")
}

/// A bar over counted steps.
pub(super) fn steps(total: u64, what: &str) -> ProgressBar {
    let bar = bar(total, "{spinner} {msg} {wide_bar} {pos}/{len}  eta {eta}");
    bar.set_message(what.to_owned());
    bar
}

fn bar(total: u64, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}
