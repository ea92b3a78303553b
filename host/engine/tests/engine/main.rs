//! x
mod core_guest;
mod harness;
mod smoke;
