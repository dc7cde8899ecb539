//! The one integration binary of the house; each module says what belongs in it.

/// The plan as a test: who imports whom, how long a file may be, which words stay out.
mod tidy;
