//! A short storm on the host that the tests run.
