//! The operator's commands, one file a noun.

mod agent;
mod apply;
mod approval;
mod completions;
mod connector;
mod credential;
mod doctor;
mod explain;
mod instance;
mod keys;
mod kill;
mod ledger;
mod login;
mod person;
mod policy;
mod quickstart;
mod receipt;
mod status;
mod stdio;
mod token;
mod who;

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
    /// Bring the agents of a repository, `agents/*.toml`, into the registry; shows a plan first
    Apply(Single<apply::Apply>),
    /// Register a first agent, tier 1 and yours, and start it, in one command
    Quickstart(Single<quickstart::Quickstart>),
    /// Who is behind a call, an instance or a receipt, and whom to page
    Who(Single<who::Who>),
    /// Instances: authenticated runs of agents, and their credentials
    Instance(Noun<instance::Verb>),
    /// Credentials: how an agent proves itself, without a stored secret
    Credential(Noun<credential::Verb>),
    /// Make a one-time code by which another machine becomes an agent
    Enrol(Single<credential::Enrol>),
    /// Become an agent on this machine, by a code
    Join(Single<token::Join>),
    /// Get a token for the agent that this machine is
    Token(Single<token::Token>),
    /// Stop an instance, an agent, a connector, a tool or everything, at once
    Kill(Noun<kill::Verb>),
    /// Let go on what was stopped
    Resume(Noun<kill::Resume>),
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
    /// Keys that sign tokens
    Keys(Noun<keys::Verb>),
    /// Explain a code such as PL-1201, offline
    Explain(Single<explain::Explain>),
    /// Whether calls can be taken, what is in force, and who you are
    Status(Single<status::Status>),
    /// Check everything, and say how to mend what is wrong
    Doctor(Single<doctor::Doctor>),
    /// Connect an MCP client that speaks stdio to a running Placet
    Stdio(Single<stdio::Stdio>),
    /// People: who may sign in, and letting somebody in for the first time
    Person(Noun<person::Verb>),
    /// Log in to a Placet elsewhere, for `--server`
    Login(login::Login),
    /// Log out of a Placet elsewhere
    Logout(login::Logout),
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
#[expect(clippy::too_many_lines, reason = "one straight arm for each command")]
pub(crate) async fn run(command: Command, program: clap::Command) -> Result<Exit, Failure> {
    match command {
        Command::Agent(noun) => {
            let (verb, context) = noun.open();
            agent::run(verb, &context).await
        }
        Command::Apply(single) => {
            let (apply, context) = single.open();
            apply::run(&apply, &context).await
        }
        Command::Quickstart(single) => {
            let (quickstart, context) = single.open();
            quickstart::run(quickstart, &context).await
        }
        Command::Who(single) => {
            let (who, context) = single.open();
            who::run(&who, &context).await
        }
        Command::Instance(noun) => {
            let (verb, context) = noun.open();
            instance::run(verb, &context).await
        }
        Command::Kill(noun) => {
            let (verb, context) = noun.open();
            kill::run(verb, &context).await
        }
        Command::Resume(noun) => {
            let (verb, context) = noun.open();
            kill::resume(verb, &context).await
        }
        Command::Keys(noun) => {
            let (verb, context) = noun.open();
            keys::run(verb, &context).await
        }
        Command::Credential(noun) => {
            let (verb, context) = noun.open();
            credential::run(verb, &context).await
        }
        Command::Enrol(single) => {
            let (enrol, context) = single.open();
            credential::enrol(enrol, &context).await
        }
        Command::Join(single) => {
            let (join, context) = single.open();
            token::join(join, &context).await
        }
        Command::Token(single) => {
            let (token, context) = single.open();
            token::run(token, &context).await
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
        Command::Person(noun) => {
            let (verb, context) = noun.open();
            person::run(verb, &context).await
        }
        Command::Login(login) => login::login(login).await,
        Command::Logout(logout) => login::logout(logout).await,
        Command::Completions(completions) => Ok(completions::run(&completions, program)),
    }
}

#[cfg(test)]
mod tests;
