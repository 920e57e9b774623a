//! The fixture as a program of its own: `everything --listen 127.0.0.1:PORT`.

use std::io::{self, Write};
use std::net::SocketAddr;

use clap::Parser;
use placet_example_everything::serve;
use tokio::net::TcpListener;

/// An MCP server for conformance tests.
#[derive(Debug, Parser)]
struct Arguments {
    /// Loopback address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7071", value_parser = loopback)]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(arguments.listen).await?;
    writeln!(io::stdout(), "everything listens on http://{}/mcp", listener.local_addr()?)?;
    tokio::select! {
        served = serve(listener) => served,
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|error| format!("{error}"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("this server listens on loopback addresses only".into())
    }
}
