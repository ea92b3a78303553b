//! What is done with every request in the same way, whatever it asks for: its head is checked, and its body is bounded.

pub(crate) mod body;
pub(crate) mod head;
mod json;
pub(crate) mod pace;
pub(crate) mod room;
pub(crate) mod unread;
