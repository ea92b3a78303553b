//! What the API and the ingress read from a request in the same way.

pub(crate) mod body;
pub(crate) mod idempotency;
