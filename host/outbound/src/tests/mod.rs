//! Tests over real sockets on loopback, one file for each thing that a caller relies on.

mod bodies;
mod egress;
mod environment;
mod exchange;
mod failures;
mod limits;
mod listeners;
mod redirects;
mod secrets;
mod support;
mod tls;
