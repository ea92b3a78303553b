//! Outbound HTTP: one attempt of a durable call, sent under the host's egress policy.
//!
//! The code of a workflow is not trusted, and a host often runs where an attacker would like to be: beside databases,
//! cloud metadata services and its own API. So every connection is checked by the address that it goes to, after the
//! name is resolved and again at each redirect, and the connection goes to the address that was checked.
//!
//! [`Client::send`] makes one attempt and returns the [`Response`](dormouse_journal::Response) or a
//! [`CallError`](dormouse_journal::CallError). The runtime decides whether and when another attempt follows.
//!
//! Where to start reading: `client` makes an attempt from its beginning to its end, `connector` checks addresses by the
//! rules of `policy` and `address`, and `secret` and `mask` send secrets and keep them out of the responses that the
//! workflow gets.
//!
//! No proxy is used, whatever the environment says. A proxy would resolve names itself, and the policy could not check
//! the addresses.

mod address;
mod body;
mod client;
mod connector;
mod egress;
mod failure;
mod headers;
mod invalid;
mod listeners;
mod lookups;
mod mask;
mod offline;
mod outgoing;
mod policy;
mod redirect;
mod resolve;
mod routes;
mod secret;
mod target;
mod trust;
mod upload;

#[cfg(test)]
mod tests;

pub use client::{Client, Settings};
pub use offline::{check, follow};
pub use policy::{Allowed, InvalidAllowed, Policy};
