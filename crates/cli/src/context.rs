//! Where a command finds its Placet, and how it prints.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{client::Client, print::Screen, server::Server};

/// The options that every operator command has.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The configuration
    #[arg(long, global = true, value_name = "FILE", default_value = "placet.toml", env = "PLACET_CONFIG")]
    config: PathBuf,
    /// Keys, registry and ledger of the node (default: `.placet` beside the configuration)
    #[arg(long, global = true, value_name = "DIR", env = "PLACET_HOME")]
    home: Option<PathBuf>,
    /// The control socket (default: `run/control.sock` in the home)
    #[arg(long, global = true, value_name = "FILE", env = "PLACET_SOCKET")]
    socket: Option<PathBuf>,
    /// A Placet elsewhere, after `placet login`; instead of the control socket
    #[arg(long, global = true, value_name = "URL", env = "PLACET_SERVER", conflicts_with = "socket")]
    server: Option<Server>,
    /// Print JSON with a stable schema
    #[arg(long, global = true)]
    json: bool,
}

/// What a command is run with.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// `placet.toml`.
    pub(crate) config: PathBuf,
    /// Keys, registry and ledger.
    pub(crate) home: PathBuf,
    /// Where operators connect.
    pub(crate) socket: PathBuf,
    /// Where operators connect who are not at the machine.
    pub(crate) server: Option<Server>,
    /// How to print.
    pub(crate) screen: Screen,
}

impl Place {
    /// Flag before environment before what lies beside the configuration.
    pub(crate) fn resolve(self) -> Context {
        let beside = self.config.parent().unwrap_or(Path::new("")).join(".placet");
        let home = self.home.unwrap_or(beside);
        let socket = self.socket.unwrap_or_else(|| home.join("run/control.sock"));
        Context {
            config: self.config,
            home,
            socket,
            server: self.server,
            screen: Screen::of_process(self.json),
        }
    }
}

impl Context {
    /// The control API.
    pub(crate) fn client(&self) -> Client {
        match &self.server {
            Some(server) => Client::of_server(server.clone()),
            None => Client::new(self.socket.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(home: Option<&str>, socket: Option<&str>) -> Context {
        let config = "conf/placet.toml".into();
        Place {
            config,
            home: home.map(Into::into),
            socket: socket.map(Into::into),
            server: None,
            json: false,
        }
        .resolve()
    }

    #[test]
    fn the_socket_lies_in_the_home_and_the_home_beside_the_configuration() {
        assert_eq!(place(None, None).socket, Path::new("conf/.placet/run/control.sock"));
        assert_eq!(place(Some("/srv/p"), None).socket, Path::new("/srv/p/run/control.sock"));
        assert_eq!(place(Some("/srv/p"), Some("/tmp/s")).socket, Path::new("/tmp/s"));
    }
}
