//! The operator's commands, one file a noun.

mod agent;
mod approval;
mod completions;
mod connector;
mod doctor;
mod explain;
mod instance;
mod ledger;
mod policy;
mod receipt;
mod status;
mod stdio;

use clap::{Args, Subcommand};

use crate::{
    context::{Context, Place},
    exit::Exit,
    failure::Failure,
};

/// What operators do with a running Placet, or with its files.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Agents: registered identities with a human owner
    Agent(Noun<agent::Verb>),
    /// Instances: authenticated runs of agents, and their credentials
    Instance(Noun<instance::Verb>),
    /// Approvals: questions about exact calls, and your answers
    Approval(Noun<approval::Verb>),
    /// Connectors: upstream systems, their tools and pins
    Connector(Noun<connector::Verb>),
    /// Policies: what is in force
    Policy(Noun<policy::Verb>),
    /// Receipts: what was decided and done, with proofs that verify offline
    Receipt(Noun<receipt::Verb>),
    /// The ledger that holds the receipts
    Ledger(Noun<ledger::Verb>),
    /// Explain a code such as PL-1201, offline
    Explain(Single<explain::Explain>),
    /// Whether calls can be taken, what is in force, and who you are
    Status(Single<status::Status>),
    /// Check everything, and say how to mend what is wrong
    Doctor(Single<doctor::Doctor>),
    /// Connect an MCP client that speaks stdio to a running Placet
    Stdio(Single<stdio::Stdio>),
    /// Print completions for a shell
    Completions(completions::Completions),
}

/// A noun and what to do with it.
#[derive(Debug, Args)]
pub(crate) struct Noun<V: Subcommand> {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    verb: V,
}

/// A command without verbs.
#[derive(Debug, Args)]
pub(crate) struct Single<A: Args> {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    arguments: A,
}

impl<V: Subcommand> Noun<V> {
    fn open(self) -> (V, Context) {
        (self.verb, self.place.resolve())
    }
}

impl<A: Args> Single<A> {
    fn open(self) -> (A, Context) {
        (self.arguments, self.place.resolve())
    }
}

/// Runs a command. `program` is the whole command line, for completions.
pub(crate) async fn run(command: Command, program: clap::Command) -> Result<Exit, Failure> {
    match command {
        Command::Agent(noun) => {
            let (verb, context) = noun.open();
            agent::run(verb, &context).await
        }
        Command::Instance(noun) => {
            let (verb, context) = noun.open();
            instance::run(verb, &context).await
        }
        Command::Approval(noun) => {
            let (verb, context) = noun.open();
            approval::run(verb, &context).await
        }
        Command::Connector(noun) => {
            let (verb, context) = noun.open();
            connector::run(verb, &context).await
        }
        Command::Policy(noun) => {
            let (verb, context) = noun.open();
            policy::run(verb, &context).await
        }
        Command::Receipt(noun) => {
            let (verb, context) = noun.open();
            receipt::run(verb, &context)
        }
        Command::Ledger(noun) => {
            let (verb, context) = noun.open();
            ledger::run(verb, &context)
        }
        Command::Explain(single) => {
            let (explain, context) = single.open();
            Ok(explain::run(&explain, &context))
        }
        Command::Status(single) => {
            let (status, context) = single.open();
            status::run(&status, &context).await
        }
        Command::Doctor(single) => {
            let (_doctor, context) = single.open();
            doctor::run(&context).await
        }
        Command::Stdio(single) => {
            let (stdio, context) = single.open();
            stdio::run(stdio, &context).await
        }
        Command::Completions(completions) => Ok(completions::run(&completions, program)),
    }
}

#[cfg(test)]
mod tests;
