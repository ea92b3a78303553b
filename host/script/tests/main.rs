//! Workflows are collected from files.

mod collects;
