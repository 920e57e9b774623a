//! Outbound connectors: MCP over HTTP and over a child process's standard streams.
//! They send what the engine placeted and nothing else. No decision is taken here.

mod anomaly_hooks;
mod ask;
mod config;
mod connector;
mod connectors;
mod decision_points;
mod ending;
mod frame;
mod house;
mod http;
mod oauth;
mod outlet;
mod pending;
mod sessions;
mod stdio;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod upstream;
mod web;
mod webhook;

pub use anomaly_hooks::{AnomalyHookConfig, HttpAnomalyHooks};
pub use config::{ConfigError, ConnectorConfig, Secret, Transport};
pub use connectors::McpConnectors;
pub use decision_points::{DecisionPointConfig, HttpDecisionPoints, Interface};
pub use oauth::{ClientProof, OauthClient, OauthConfig, OauthGrant, Safe, VaultKey};
pub use web::Web;
