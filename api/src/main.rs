//! The binary `chergui`.

fn main() {}
