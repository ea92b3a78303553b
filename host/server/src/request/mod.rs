//! Checks that all requests have in common, whatever they ask for: the head is checked, and the body is limited.

pub(crate) mod body;
pub(crate) mod body_memory;
pub(crate) mod head;
mod json;
pub(crate) mod pace;
pub(crate) mod unread;
pub(crate) mod weight;
