//! `[control]`, `[roles]` and `[sign_in]` of `placet.toml`: where people connect, what groups may do, and who says who
//! they are.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use placet_control::{ClientSecret, PersonClaim, Roles, SignInConfig, WebConfig};
use placet_policy::Role;
use serde::Deserialize;

use super::file::{Wrong, wrong};

/// `[control]` as people type it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    listen: Option<String>,
    public_url: Option<String>,
    #[serde(default)]
    behind_proxy: bool,
    policy: Option<PathBuf>,
}

/// `[sign_in]` as people type it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInEntry {
    issuer: String,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    scopes: Option<Vec<String>>,
    person_claim: Option<String>,
    groups_claim: Option<String>,
    #[serde(default)]
    admit: bool,
}

/// What the control API is served with.
#[derive(Debug, Clone, Default)]
pub(crate) struct ControlPlace {
    /// Which groups have which role. None: whoever is declared may do everything over the socket.
    pub(crate) roles: Option<Roles>,
    /// Rules of the operator's own.
    pub(crate) policy: Option<PathBuf>,
    /// The listener for people, if there is one.
    pub(crate) web: Option<WebConfig>,
}

impl ControlPlace {
    /// Whether an identity provider may make somebody known who is not declared.
    pub(crate) fn admits(&self) -> bool {
        self.web.as_ref().and_then(|web| web.sign_in.as_ref()).is_some_and(|sign_in| sign_in.admit)
    }
}

pub(super) fn resolve(
    folder: &Path,
    entry: Entry,
    roles: Option<BTreeMap<String, Vec<String>>>,
    sign_in: Option<SignInEntry>,
) -> Result<ControlPlace, Wrong> {
    let roles = roles.map(resolve_roles).transpose()?;
    let policy = entry.policy.map(|file| folder.join(file));
    let Some(listen) = entry.listen else {
        if sign_in.is_some() {
            return Err(wrong("sign_in", "nobody can sign in without `[control] listen`"));
        }
        return Ok(ControlPlace { roles, policy, web: None });
    };
    let listen: SocketAddr = listen
        .parse()
        .map_err(|_| wrong("control.listen", "use an address and a port, for example `127.0.0.1:7421`"))?;
    if roles.is_none() {
        let message = "say in `[roles]` who may do what: over the network nobody has a right by default";
        return Err(wrong("control.listen", message));
    }
    let secure = entry.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let encrypted = entry.behind_proxy && secure;
    if !(listen.ip().is_loopback() || encrypted) {
        let message = "sessions would cross the network unencrypted; listen on loopback, or put a proxy with TLS in \
                       front, set `behind_proxy = true` and `public_url = \"https://…\"`";
        return Err(wrong("control.listen", message));
    }
    let sign_in = sign_in.map(|entry| resolve_sign_in(folder, entry)).transpose()?;
    let web =
        WebConfig::new(listen, entry.public_url, sign_in).map_err(|why| wrong("control.public_url", why))?;
    Ok(ControlPlace { roles, policy, web: Some(web) })
}

fn resolve_roles(entry: BTreeMap<String, Vec<String>>) -> Result<Roles, Wrong> {
    let mut roles = Roles::default();
    for (role, groups) in entry {
        let key = format!("roles.{role}");
        let role: Role = role.parse().map_err(|error| wrong(&key, error))?;
        let groups = groups.iter().map(|group| group.parse().map_err(|error| wrong(&key, error)));
        roles = roles.with(role, groups.collect::<Result<_, _>>()?);
    }
    Ok(roles)
}

fn resolve_sign_in(folder: &Path, entry: SignInEntry) -> Result<SignInConfig, Wrong> {
    let secret = match entry.client_secret_file {
        None => None,
        Some(file) => {
            let path = folder.join(file);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                wrong("sign_in.client_secret_file", format!("{}: {error}", path.display()))
            })?;
            match text.trim() {
                "" => return Err(wrong("sign_in.client_secret_file", "the file is empty")),
                text => Some(ClientSecret::new(text)),
            }
        }
    };
    let claim = match entry.person_claim.as_deref() {
        None | Some("email") => PersonClaim::Email,
        Some("preferred_username") => PersonClaim::PreferredUsername,
        Some("sub") => PersonClaim::Subject,
        Some(other) => {
            let message = format!("`{other}` is not `email`, `preferred_username` or `sub`");
            return Err(wrong("sign_in.person_claim", message));
        }
    };
    let scopes = entry.scopes.unwrap_or_else(|| ["openid", "email", "profile"].map(str::to_owned).to_vec());
    if !scopes.iter().any(|scope| scope == "openid") {
        return Err(wrong("sign_in.scopes", "`openid` is missing: without it there is no id token"));
    }
    Ok(SignInConfig {
        issuer: entry.issuer,
        client_id: entry.client_id,
        client_secret: secret,
        scopes,
        person_claim: claim,
        groups_claim: entry.groups_claim.unwrap_or_else(|| "groups".to_owned()),
        admit: entry.admit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(control: &str, roles: Option<&str>, sign_in: Option<&str>) -> Result<ControlPlace, Wrong> {
        let roles = roles.map(|text| toml::from_str(text).unwrap());
        let sign_in = sign_in.map(|text| toml::from_str(text).unwrap());
        resolve(Path::new("/etc/placet"), toml::from_str(control).unwrap(), roles, sign_in)
    }

    #[test]
    fn without_a_word_there_is_a_socket_and_nothing_else() {
        let place = read("", None, None).unwrap();
        assert!(place.web.is_none() && place.roles.is_none() && !place.admits());
    }

    #[test]
    fn what_would_let_somebody_in_by_accident_is_refused() {
        let (roles, listen) = (Some("admin = [\"ops\"]"), "listen = \"127.0.0.1:0\"");
        let idp = "issuer = \"https://idp.example\"\nclient_id = \"placet\"\n";
        for (control, roles, sign_in, key) in [
            (listen, None, None, "control.listen"),
            ("listen = \"0.0.0.0:1\"", roles, None, "control.listen"),
            ("listen = \"0.0.0.0:1\"\nbehind_proxy = true", roles, None, "control.listen"),
            ("listen = \"0.0.0.0:1\"\npublic_url = \"https://p.example\"", roles, None, "control.listen"),
            (
                "listen = \"127.0.0.1:1\"\npublic_url = \"http://p.example\"",
                roles,
                None,
                "control.public_url",
            ),
            (
                "listen = \"127.0.0.1:1\"\npublic_url = \"https://p.example/x\"",
                roles,
                None,
                "control.public_url",
            ),
            ("listen = \"here\"", roles, None, "control.listen"),
            ("", roles, Some(idp.to_owned()), "sign_in"),
            (listen, roles, Some(format!("{idp}scopes = [\"email\"]")), "sign_in.scopes"),
            (listen, roles, Some(format!("{idp}person_claim = \"name\"")), "sign_in.person_claim"),
            (
                listen,
                roles,
                Some(format!("{idp}client_secret_file = \"none\"")),
                "sign_in.client_secret_file",
            ),
            (listen, Some("boss = []"), None, "roles.boss"),
            (listen, Some("operator = []"), None, "roles.operator"),
            (listen, Some("admin = [\"a b\"]"), None, "roles.admin"),
        ] {
            assert_eq!(read(control, roles, sign_in.as_deref()).unwrap_err().0, key, "{control} {sign_in:?}");
        }
    }

    #[test]
    fn a_listener_with_roles_and_a_provider_is_taken() {
        let sign_in = "issuer = \"https://idp.example\"\nclient_id = \"placet\"\nadmit = true";
        let place = read("listen = \"127.0.0.1:7421\"", Some("admin = [\"ops\"]"), Some(sign_in)).unwrap();
        assert!(place.admits());
        let place = read(
            "listen = \"0.0.0.0:7421\"\nbehind_proxy = true\npublic_url = \"https://placet.example\"",
            Some("approver-2 = [\"leads\"]"),
            None,
        );
        assert!(place.unwrap().web.is_some());
    }
}
