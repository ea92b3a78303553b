//! Workflows are collected from files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod collects;
