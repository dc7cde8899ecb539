//! Tests of trust on the real binary: what was acknowledged is there after the worst. Short forms; docs/trust.md has the long ones.
//!
//! Power cuts, damaged files and refused disks are simulated beside the store (engine/src/store/tests).

mod disk_full;
mod kill9;
mod numbered;
mod server;

/// How many rounds: what the variable says, else the short form.
fn rounds(variable: &str, short: u32) -> u32 {
    std::env::var(variable).map_or(short, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}
