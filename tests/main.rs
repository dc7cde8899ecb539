//! The one integration binary of the house.

fn main() {}
