//! Addresses, qualities, times, places and sequence numbers, without a controller.
