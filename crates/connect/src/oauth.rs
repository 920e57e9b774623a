//! Placet as an OAuth client of upstream MCP servers: it holds the tools' credentials, agents never do. The rules are in the
//! MCP specification, "Authorization", and docs/decisions/0014. Tokens of agents come in elsewhere and end there.

mod account;
mod asker;
mod challenge;
mod config;
mod discovery;
mod grants;
mod kept;
mod login;
mod metadata;
mod reach;
#[cfg(test)]
mod tests;
mod withdraw;

pub(crate) use account::Account;
pub use account::Safe;
pub(crate) use challenge::Challenge;
pub use config::{ClientProof, OauthClient, OauthConfig, OauthGrant};
pub use kept::VaultKey;
pub(crate) use reach::is_near;
