//! Tests of `prepare`: what it accepts, what it refuses with which message, and which hostile uploads it survives.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod accepts;
mod divides;
mod refuses;
mod support;
mod survives;
