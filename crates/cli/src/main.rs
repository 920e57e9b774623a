//! The one binary. Reads arguments, starts the parts, maps results to exit codes; it holds no logic.

mod allocator;
mod archive;
mod backstage;
mod client;
mod command;
mod config;
mod context;
mod demo;
mod exit;
mod failpoint;
mod failure;
mod init;
mod kept_key;
mod keys;
mod log_key;
mod oauth;
mod print;
mod serve;
mod server;
mod system;
mod telemetry;
mod upkeep;
mod web;

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::{exit::Exit, failure::Failure};

/// Placet stands between AI agents and the tools they call. Each action is allowed, denied, or put to a person,
/// and leaves a signed receipt.
#[derive(Debug, Parser)]
#[command(name = "placet", version, propagate_version = true, after_help = EXIT_CODES)]
struct Placet {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything at work on this machine: a CRM, an agent, approvals, receipts
    Demo(demo::Demo),
    /// Write a commented placet.toml that works, and policies to start from
    Init(init::Init),
    /// Serve what placet.toml describes
    Up(Up),
    #[command(flatten)]
    Operate(Box<command::Command>),
    /// The CRM of the demo, as a program of its own
    #[command(hide = true)]
    ExampleCrm(ExampleCrm),
}

#[derive(Debug, Args)]
struct Up {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "placet.toml", env = "PLACET_CONFIG")]
    config: PathBuf,
    /// Keys, registry and ledger of this node (default: `.placet` beside the configuration)
    #[arg(long, value_name = "DIR", env = "PLACET_HOME")]
    home: Option<PathBuf>,
    /// Write logs as JSON lines
    #[arg(long)]
    json_logs: bool,
}

#[derive(Debug, Args)]
struct ExampleCrm {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    #[arg(long)]
    log: Option<PathBuf>,
}

fn main() -> Exit {
    // One TLS provider for the whole process, before anything can ask for it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let command = Placet::parse().command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(Failure::of("the runtime does not start")(error))),
    };
    end(runtime.block_on(run(command)))
}

async fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Demo(demo) => {
            let telemetry = telemetry::Telemetry::start(false, "warn");
            let end = demo::run(demo).await;
            telemetry.flush();
            end
        }
        Command::Init(init) => init::run(&init),
        Command::Up(up) => serve_until_told(up).await,
        Command::Operate(command) => command::run(*command, Placet::command()).await,
        Command::ExampleCrm(crm) => example_crm(crm).await,
    }
}

async fn serve_until_told(up: Up) -> Result<Exit, Failure> {
    let telemetry = telemetry::Telemetry::start(up.json_logs, "info");
    // Before anything is opened: the program begins again.
    allocator::give_back_at_once();
    let config = config::Config::read(&up.config)?;
    let home = up.home.unwrap_or_else(|| up.config.parent().unwrap_or(Path::new(".")).join(".placet"));
    let running = serve::start(config, &home).await?;
    let _ = writeln!(std::io::stdout(), "listening on http://{}", running.address);
    if let Some(welcome) = &running.welcome {
        let _ = writeln!(std::io::stdout(), "{welcome}");
    }
    told_to_stop().await;
    tracing::info!("letting open calls end");
    running.stop().await;
    telemetry.flush();
    Ok(Exit::Ok)
}

/// SIGTERM or Ctrl-C.
async fn told_to_stop() {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn example_crm(arguments: ExampleCrm) -> Result<Exit, Failure> {
    use placet_example_crm::{Crm, serve};
    let unusable = "the example CRM cannot be started";
    let crm = match &arguments.log {
        Some(path) => Crm::with_log_file(path).map_err(Failure::of(unusable))?,
        None => Crm::default(),
    };
    let listener = tokio::net::TcpListener::bind(arguments.listen).await.map_err(Failure::of(unusable))?;
    let address = listener.local_addr().map_err(Failure::of(unusable))?;
    let _ = writeln!(std::io::stdout(), "crm listens on http://{address}/mcp");
    serve(listener, crm).await.map_err(Failure::of(unusable))?;
    Ok(Exit::Ok)
}

fn end(result: Result<Exit, Failure>) -> Exit {
    match result {
        Ok(exit) => exit,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "placet: {failure}");
            failure.exit()
        }
    }
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 failed, 2 usage, 3 denied, 4 not authenticated, 5 not found, 6 integrity failure, \
                          7 server unreachable, 8 approval pending, 9 findings, 77 skipped";
