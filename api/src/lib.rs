//! Front of house.
