//! Serves the order book.

use std::env;

use anyhow::Context;
use tokio::net::TcpListener;
use verifier::Verifier;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let issuer = env::var("ORDERS_ISSUER").unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned());
    let listen = env::var("ORDERS_LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let verifier = Verifier::from_issuer(issuer).await?;
    let listener = TcpListener::bind(&listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    axum::serve(listener, orders::app(&verifier)).await?;
    Ok(())
}
