//! The operator's commands, one file a noun.

mod agent;
mod apply;
mod approval;
mod completions;
mod connector;
mod credential;
mod doctor;
mod explain;
mod grant;
mod instance;
mod keys;
mod kill;
mod ledger;
mod limits;
mod login;
mod person;
mod policy;
mod quickstart;
mod receipt;
mod scim;
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
    /// Grants: further permission for a time
    Grant(Noun<grant::Verb>),
    /// Limits: what is used of them, by whom, and when there is room again
    Limits(Single<limits::Limits>),
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
    #[command(visible_alias = "people")]
    Person(Noun<person::Verb>),
    /// The company's directory: tokens with which an identity provider keeps people and groups here (SCIM)
    Scim(Noun<scim::Verb>),
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
    async fn run(self, run: impl AsyncFnOnce(V, &Context) -> Result<Exit, Failure>) -> Result<Exit, Failure> {
        run(self.verb, &self.place.resolve()).await
    }
}

impl<A: Args> Single<A> {
    async fn run(self, run: impl AsyncFnOnce(A, &Context) -> Result<Exit, Failure>) -> Result<Exit, Failure> {
        run(self.arguments, &self.place.resolve()).await
    }
}

/// Runs a command. `program` is the whole command line, for completions.
pub(crate) async fn run(command: Command, program: clap::Command) -> Result<Exit, Failure> {
    match command {
        Command::Agent(noun) => noun.run(agent::run).await,
        Command::Apply(single) => single.run(apply::run).await,
        Command::Approval(noun) => noun.run(approval::run).await,
        Command::Completions(completions) => Ok(completions::run(&completions, program)),
        Command::Connector(noun) => noun.run(connector::run).await,
        Command::Credential(noun) => noun.run(credential::run).await,
        Command::Doctor(single) => single.run(doctor::run).await,
        Command::Enrol(single) => single.run(credential::enrol).await,
        Command::Explain(single) => single.run(explain::run).await,
        Command::Grant(noun) => noun.run(grant::run).await,
        Command::Instance(noun) => noun.run(instance::run).await,
        Command::Join(single) => single.run(token::join).await,
        Command::Keys(noun) => noun.run(keys::run).await,
        Command::Kill(noun) => noun.run(kill::run).await,
        Command::Ledger(noun) => noun.run(ledger::run).await,
        Command::Limits(single) => single.run(limits::run).await,
        Command::Login(login) => login::login(login).await,
        Command::Logout(logout) => login::logout(logout).await,
        Command::Person(noun) => noun.run(person::run).await,
        Command::Policy(noun) => noun.run(policy::run).await,
        Command::Quickstart(single) => single.run(quickstart::run).await,
        Command::Receipt(noun) => noun.run(receipt::run).await,
        Command::Resume(noun) => noun.run(kill::resume).await,
        Command::Scim(noun) => noun.run(scim::run).await,
        Command::Status(single) => single.run(status::run).await,
        Command::Stdio(single) => single.run(stdio::run).await,
        Command::Token(single) => single.run(token::run).await,
        Command::Who(single) => single.run(who::run).await,
    }
}

#[cfg(test)]
mod tests;
