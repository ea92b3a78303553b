//! A stand-in for a payment service, with an API and signed events like those of Stripe.
//!
//! It does on purpose what receivers of events must cope with: each event comes twice, one comes late, and one is
//! forged without the secret. Everything is kept in memory. No money is moved.

#![allow(
    clippy::print_stdout,
    reason = "a command line's output is for the person in front of it"
)]

mod api;
mod events;
mod intents;
mod machine;
mod signature;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;

use api::Provider;

/// A stand-in for a payment service with a Stripe-like API.
#[derive(Parser)]
#[command(name = "payment-provider")]
struct Cli {
    /// The port of the loopback interface to listen on; 0 for any that is free.
    #[arg(long, default_value_t = 4200)]
    port: u16,

    /// The key that callers of the API must show.
    #[arg(long, env = "PAYMENT_API_KEY", hide_env_values = true)]
    api_key: String,

    /// The secret that events are signed with.
    #[arg(long, env = "PAYMENT_SIGNING_SECRET", hide_env_values = true)]
    signing_secret: String,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(cli))
}

async fn serve(cli: Cli) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", cli.port))
        .await
        .with_context(|| format!("cannot listen on port {}", cli.port))?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("listening on {url}");
    let provider = Provider::new(url, cli.api_key, cli.signing_secret);
    axum::serve(listener, api::router(provider))
        .await
        .context("the provider stopped")
}
