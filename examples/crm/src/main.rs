//! The CRM as a program of its own: `crm --listen 127.0.0.1:PORT [--log FILE]`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use placet_example_crm::{Crm, serve};
use tokio::net::TcpListener;

/// A small CRM as an MCP server.
#[derive(Debug, Parser)]
struct Arguments {
    /// Loopback address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7070", value_parser = loopback)]
    listen: SocketAddr,
    /// Append a JSON line for each executed call to this file.
    #[arg(long)]
    log: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let crm = match &arguments.log {
        Some(path) => Crm::with_log_file(path)?,
        None => Crm::default(),
    };
    let listener = TcpListener::bind(arguments.listen).await?;
    writeln!(io::stdout(), "crm listens on http://{}/mcp", listener.local_addr()?)?;
    tokio::select! {
        served = serve(listener, crm) => served,
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|error| format!("{error}"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the crm listens on loopback addresses only".into())
    }
}
