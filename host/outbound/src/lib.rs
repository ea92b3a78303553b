//! Outbound HTTP: one attempt of a durable call, sent under the host's egress policy.
//!
//! A workflow's code is not trusted, and the host often stands where an attacker would like to: beside databases, cloud
//! metadata services and its own API. So every connection is judged by the address that it goes to, after the name is
//! resolved and again at each redirect, and what was judged is what is connected to.
//!
//! [`Client::send`] makes one attempt and gives the [`Response`](dormouse_journal::Response) or the
//! [`CallError`](dormouse_journal::CallError). Whether and when another attempt follows is decided above, by the
//! runtime. Where to start reading: `client.rs` has the course of an attempt, `connector.rs`
//! the judging of addresses, `policy.rs` and `address.rs` what is judged by, `secret.rs` and `mask.rs` what is sent that
//! the workflow must not see, and kept from coming back.
//!
//! No proxy is used, whatever the environment says: a proxy would resolve names itself, out of the policy's sight.

mod address;
mod body;
mod client;
mod connector;
mod egress;
mod failure;
mod listeners;
mod mask;
mod outgoing;
mod policy;
mod redirect;
mod resolve;
mod routes;
mod secret;
mod trust;

#[cfg(test)]
mod tests;

pub use client::{Attempt, Client, Settings};
pub use policy::{Allowed, InvalidAllowed, Policy};
pub use secret::{SecretHeader, SecretValue};
