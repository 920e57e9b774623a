//! Which addresses the documents of an upstream may lead us to. An upstream names them, so it could name this machine or
//! the network behind us: https only, public addresses only, looked at after the name was resolved.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// What may be reached besides public addresses over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// This machine, also without TLS: only for an upstream that is on it.
    near: bool,
    /// Private networks: only by the operator's word.
    private: bool,
}

impl Reach {
    /// The reach of an upstream at this address.
    pub(crate) fn of(url: &Uri, private: bool) -> Self {
        Self { near: url.host().is_some_and(is_near), private }
    }

    /// Whether an address may be asked at all. Names are looked at again when they are resolved.
    pub(crate) fn admits(self, url: &str) -> Result<Uri, String> {
        let refused = |why: &str| format!("{url:?} is not asked: {why}");
        let uri: Uri = url.parse().map_err(|_| refused("it is no address"))?;
        let authority = uri.authority().ok_or_else(|| refused("it names no host"))?;
        if authority.as_str().contains('@') || url.contains('#') {
            return Err(refused("it holds a user name or a fragment"));
        }
        let near = is_near(authority.host());
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if near && self.near => {}
            _ => {
                return Err(refused("only `https` is asked, or `http` on this machine by an upstream on it"));
            }
        }
        let literal = authority.host().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(address) if !self.holds(address) => {
                Err(refused("it is in a private network; `private_addresses = true` allows it"))
            }
            _ => Ok(uri),
        }
    }

    fn holds(self, address: IpAddr) -> bool {
        match address.to_canonical() {
            address if address.is_loopback() => self.near,
            address => is_public(address) || self.private && is_private(address),
        }
    }

    /// The resolver of names: addresses out of reach are as good as none.
    pub(crate) fn resolver(self) -> Resolver {
        Resolver { reach: self, inner: GaiResolver::new() }
    }
}

/// Whether a host, as it is written, is this machine.
pub(crate) fn is_near(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// Networks that an operator may have meant: RFC 1918, shared address space, unique local addresses. Never link-local
/// ones, where clouds keep the credentials of machines.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || is_shared(address),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

fn is_shared(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [100, second, ..] if second & 0xc0 == 64)
}

/// The registries of special-purpose addresses (RFC 6890), turned round.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 127, ..] | [192, 0, 0, _] => true,
        [198, second, ..] => second & 0xfe == 18,
        [first, ..] => first >= 224,
    };
    !(special
        || is_shared(address)
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Global unicast, without documentation, and without the blocks that carry an IPv4 address inside.
        [0x2001, second, ..] => second >= 0x0200 && second != 0x0db8,
        [0x2002, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Resolves names, and leaves out what is out of reach.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    reach: Reach,
    inner: GaiResolver,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (reach, resolving) = (self.reach, self.inner.call(name));
        Box::pin(async move {
            let addresses: Vec<SocketAddr> =
                resolving.await?.filter(|address| reach.holds(address.ip())).collect();
            match addresses.is_empty() {
                true => Err(std::io::Error::other("the name leads to no address that may be asked")),
                false => Ok(addresses.into_iter()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Reach = Reach { near: false, private: false };

    #[test]
    fn an_upstream_elsewhere_leads_neither_here_nor_into_the_network_behind_us() {
        for url in [
            "http://as.example/token",
            "http://127.0.0.1/token",
            "https://127.0.0.1/token",
            "https://[::1]/token",
            "https://10.0.0.1/",
            "https://172.16.3.4/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://198.18.0.1/",
            "https://224.0.0.1/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
            "https://[2001:db8::1]/",
            "https://user@as.example/",
            "https://as.example/#x",
            "file:///etc/passwd",
            "/token",
        ] {
            assert!(FAR.admits(url).is_err(), "{url}");
        }
        for url in ["https://as.example/token?x=1", "https://8.8.8.8/", "https://[2606:4700::1111]/"] {
            assert!(FAR.admits(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn an_upstream_on_this_machine_may_name_its_neighbours_here() {
        let near = Reach::of(&"http://localhost:8080/mcp".parse().unwrap(), false);
        assert!(near.admits("http://127.0.0.1:9/x").is_ok());
        assert!(near.admits("http://192.168.0.1/").is_err() && near.admits("https://192.168.0.1/").is_err());
        assert_eq!(Reach::of(&"https://localhost.evil.example/mcp".parse().unwrap(), false), FAR);
    }

    #[test]
    fn private_networks_are_the_operators_to_allow_and_link_local_addresses_nobodys() {
        let private = Reach::of(&"https://mcp.corp.example/mcp".parse().unwrap(), true);
        assert!(private.admits("https://10.1.2.3/token").is_ok());
        assert!(private.admits("https://169.254.169.254/").is_err());
        assert!(private.admits("http://10.1.2.3/token").is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_here_is_not_followed() {
        let resolve = |reach: Reach| reach.resolver().call("localhost".parse().unwrap());
        assert!(resolve(FAR).await.is_err());
        assert!(resolve(Reach { near: true, private: false }).await.is_ok());
    }
}
