//! What the API and the ingress do with requests in the same way.

pub(crate) mod body;
pub(crate) mod pace;
pub(crate) mod unread;
