//! Where an upstream's authorization server is described, and what counts of the description: RFC 9728, RFC 8414 and
//! `OpenID` Connect Discovery, in the order of the MCP specification. Pure; fetching is `asker.rs`.

use http::Uri;
use placet_domain::Json;

use super::challenge;

/// What a protected resource says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Its identifier, exactly as it is written: what tokens are asked for (RFC 8707).
    pub(crate) identifier: String,
    /// The issuer that gives out tokens for it.
    pub(crate) issuer: String,
    /// The scopes it knows.
    pub(crate) scopes: Vec<String>,
}

/// What an authorization server says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) issuer: String,
    pub(crate) authorization: Option<String>,
    pub(crate) token: String,
    pub(crate) registration: Option<String>,
    pub(crate) revocation: Option<String>,
    /// Whether its answers always name it (RFC 9207).
    pub(crate) names_issuer: bool,
    /// Whether a client's identifier may be the address of a document about it.
    pub(crate) takes_documents: bool,
    /// Whether it takes code challenges by S256.
    pub(crate) takes_challenges: bool,
    /// How clients authenticate; empty if it does not say.
    pub(crate) methods: Vec<String>,
    pub(crate) scopes: Vec<String>,
}

/// Where the resource at this address may describe itself if it does not say where.
pub(crate) fn resource_addresses(url: &Uri) -> Vec<String> {
    let Some(origin) = origin(url) else { return Vec::new() };
    let root = format!("{origin}/.well-known/oauth-protected-resource");
    match url.path() {
        "" | "/" => vec![root],
        path => vec![format!("{root}{path}"), root],
    }
}

/// Where an issuer may describe itself.
pub(crate) fn server_addresses(issuer: &str) -> Vec<String> {
    let Some((url, origin)) = issuer.parse::<Uri>().ok().and_then(|url| origin(&url).map(|at| (url, at)))
    else {
        return Vec::new();
    };
    let known = |name: &str| format!("{origin}/.well-known/{name}");
    match url.path().trim_end_matches('/') {
        "" => vec![known("oauth-authorization-server"), known("openid-configuration")],
        path => vec![
            format!("{}{path}", known("oauth-authorization-server")),
            format!("{}{path}", known("openid-configuration")),
            format!("{origin}{path}/.well-known/openid-configuration"),
        ],
    }
}

impl Resource {
    /// Reads a resource's description of itself.
    ///
    /// # Errors
    /// It is about another resource than the one at `url`, or names no issuer.
    pub(crate) fn read(document: &Json, url: &Uri, wanted: Option<&str>) -> Result<Self, String> {
        let identifier = text(document, "resource").ok_or("the resource's metadata do not name it")?;
        if !covers(identifier, url) {
            // Its tokens would be good for somebody else.
            return Err(format!("the metadata are of another resource, {identifier:?}"));
        }
        let issuers = texts(document, "authorization_servers");
        let issuer = match wanted {
            Some(wanted) => issuers.iter().find(|issuer| *issuer == wanted).ok_or_else(|| {
                format!("the resource does not name the configured issuer {wanted:?} but {issuers:?}")
            })?,
            None => issuers.first().ok_or("the resource's metadata name no authorization server")?,
        };
        Ok(Self {
            identifier: identifier.to_owned(),
            issuer: issuer.clone(),
            scopes: challenge::scopes(&texts(document, "scopes_supported").join(" ")),
        })
    }
}

impl Server {
    /// Reads a server's description of itself.
    ///
    /// # Errors
    /// It is of another issuer, letter for letter, or has no token endpoint.
    pub(crate) fn read(document: &Json, issuer: &str) -> Result<Self, String> {
        match text(document, "issuer") {
            Some(stated) if stated == issuer => {}
            stated => {
                return Err(format!("the metadata of issuer {issuer:?} are of {:?}", stated.unwrap_or("")));
            }
        }
        let token =
            text(document, "token_endpoint").ok_or("the authorization server has no token endpoint")?;
        let flag = |name| document.member(name).and_then(Json::as_bool) == Some(true);
        let challenges = texts(document, "code_challenge_methods_supported");
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization: text(document, "authorization_endpoint").map(str::to_owned),
            token: token.to_owned(),
            registration: text(document, "registration_endpoint").map(str::to_owned),
            revocation: text(document, "revocation_endpoint").map(str::to_owned),
            names_issuer: flag("authorization_response_iss_parameter_supported"),
            takes_documents: flag("client_id_metadata_document_supported"),
            takes_challenges: challenges.iter().any(|method| method == "S256"),
            methods: texts(document, "token_endpoint_auth_methods_supported"),
            scopes: texts(document, "scopes_supported"),
        })
    }
}

/// Whether a resource identifier is of this address: the same origin, and a path that leads to it.
fn covers(identifier: &str, url: &Uri) -> bool {
    let Ok(named) = identifier.parse::<Uri>() else { return false };
    let same = |one: &Uri| origin(one).map(|origin| origin.to_ascii_lowercase());
    let path = named.path().trim_end_matches('/');
    let below = url.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    same(&named).is_some() && same(&named) == same(url) && below && named.query().is_none()
}

fn origin(url: &Uri) -> Option<String> {
    let authority = url.authority()?.as_str();
    let scheme = url.scheme_str()?;
    let default = match scheme {
        "https" => ":443",
        _ => ":80",
    };
    Some(format!("{scheme}://{}", authority.strip_suffix(default).unwrap_or(authority)))
}

fn text<'a>(document: &'a Json, name: &str) -> Option<&'a str> {
    document.member(name).and_then(Json::as_str)
}

fn texts(document: &Json, name: &str) -> Vec<String> {
    let listed = document.member(name).and_then(Json::as_array).unwrap_or_default();
    listed.iter().filter_map(Json::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn descriptions_are_looked_for_in_the_order_of_the_specification() {
        assert_eq!(
            resource_addresses(&uri("https://mcp.example/public/mcp")),
            [
                "https://mcp.example/.well-known/oauth-protected-resource/public/mcp",
                "https://mcp.example/.well-known/oauth-protected-resource",
            ]
        );
        assert_eq!(
            server_addresses("https://as.example/tenant1"),
            [
                "https://as.example/.well-known/oauth-authorization-server/tenant1",
                "https://as.example/.well-known/openid-configuration/tenant1",
                "https://as.example/tenant1/.well-known/openid-configuration",
            ]
        );
        assert_eq!(server_addresses("https://as.example").len(), 2);
        assert!(server_addresses("as.example").is_empty());
    }

    #[test]
    fn a_resource_speaks_for_its_own_address_alone() {
        let url = uri("https://mcp.example/a/mcp");
        let read = |resource: &str| {
            let text =
                format!(r#"{{"resource":"{resource}","authorization_servers":["https://as.example"]}}"#);
            Resource::read(&json(&text), &url, None)
        };
        for own in [
            "https://mcp.example/a/mcp",
            "https://mcp.example",
            "https://MCP.example:443/a/",
            "https://mcp.example/a",
        ] {
            assert_eq!(read(own).unwrap().identifier, own);
        }
        for other in [
            "https://evil.example/a/mcp",
            "http://mcp.example/a/mcp",
            "https://mcp.example/a/mcp2",
            "https://mcp.example/a/m",
            "https://mcp.example:8443/a/mcp",
            "https://mcp.example/a/mcp?x=1",
            "",
        ] {
            assert!(read(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_pinned_issuer_is_the_only_one() {
        let document = json(
            r#"{"resource":"https://mcp.example","authorization_servers":["https://a.example","https://b.example"]}"#,
        );
        let read = |wanted| Resource::read(&document, &uri("https://mcp.example/mcp"), wanted);
        assert_eq!(read(None).unwrap().issuer, "https://a.example");
        assert_eq!(read(Some("https://b.example")).unwrap().issuer, "https://b.example");
        assert!(read(Some("https://b.example/")).is_err());
    }

    #[test]
    fn a_servers_issuer_is_compared_letter_for_letter() {
        let document = json(r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token"}"#);
        assert!(Server::read(&document, "https://as.example").is_ok());
        for other in ["https://as.example/", "https://AS.example", "https://as.example:443"] {
            assert!(Server::read(&document, other).is_err(), "{other}");
        }
    }
}
