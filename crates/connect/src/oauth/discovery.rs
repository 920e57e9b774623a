//! Finding out who gives out tokens for an upstream: from its challenge or its well-known address to the resource, from
//! there to the authorization server, and to who we are there.

use http::StatusCode;
use placet_domain::{Json, Object};
use secrecy::SecretString;

use super::{
    account::Account,
    challenge::Challenge,
    config::{ClientProof, OauthClient, OauthGrant},
    kept::{Client, Kept, Method},
    metadata::{self, Resource, Server},
};

/// Whom to ask, and for what.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) resource: Resource,
    pub(super) server: Server,
    /// The scopes that are asked for, as the MCP specification chooses them.
    pub(super) scopes: Vec<String>,
}

impl Account {
    /// Finds the authorization server of the upstream.
    pub(super) async fn discover(&self, challenge: &Challenge) -> Result<Found, String> {
        let named = challenge.resource_metadata.clone();
        let addresses = named.map_or_else(|| metadata::resource_addresses(&self.url), |named| vec![named]);
        let document = self.first_of(&addresses).await?.ok_or_else(|| {
            format!(
                "the upstream does not say who gives out tokens for it; nothing is at {}",
                addresses.join(" or ")
            )
        })?;
        let resource = Resource::read(&document, &self.url, self.config.issuer.as_deref())?;
        self.asker.admits(&resource.issuer)?;
        let addresses = metadata::server_addresses(&resource.issuer);
        let document = self.first_of(&addresses).await?.ok_or_else(|| {
            format!("the authorization server does not describe itself at {}", addresses.join(" or "))
        })?;
        let server = Server::read(&document, &resource.issuer)?;
        let scopes = match challenge.scopes.is_empty() {
            true => resource.scopes.clone(),
            false => challenge.scopes.clone(),
        };
        Ok(Found { resource, server, scopes: united([&scopes, &self.config.scopes]) })
    }

    /// The first of these documents that is there.
    async fn first_of(&self, addresses: &[String]) -> Result<Option<Json>, String> {
        for address in addresses {
            let told = self.asker.get(address).await?;
            match (told.status, told.document) {
                (StatusCode::OK, Some(document)) => return Ok(Some(document)),
                (StatusCode::OK, None) => return Err(format!("{address} is not strict JSON")),
                (status, _) if status.is_client_error() => {}
                (status, _) => return Err(format!("{address} answers HTTP {}", status.as_u16())),
            }
        }
        Ok(None)
    }

    /// A machine's sign-in before its first token, at the server that the operator named.
    pub(super) async fn found_client(&self) -> Result<Kept, String> {
        let found = self.discover(&Challenge::default()).await?;
        let client = self.client(&found, None, None).await?;
        Ok(found.kept(client))
    }

    /// Who we are to a server, in the order of the specification: registered by hand, a document of ours, registered by
    /// ourselves.
    pub(super) async fn client(
        &self,
        found: &Found,
        known: Option<&Kept>,
        redirect: Option<&str>,
    ) -> Result<Client, String> {
        if let Some(client) = &self.config.client {
            return self.by_hand(client, &found.server, known);
        }
        if self.config.grant == OauthGrant::ClientCredentials {
            return Err("the grant `client_credentials` needs a `client_id` and a secret or key".to_owned());
        }
        if let Some(document) = self.config.document.as_ref().filter(|_| found.server.takes_documents) {
            return Ok(Client { id: document.clone(), secret: None, method: Method::None, redirect: None });
        }
        // A registration is one of this server, and was made for this way back.
        let same = |known: &&Kept| {
            known.issuer == found.server.issuer
                && known.client.redirect.is_some()
                && known.client.redirect.as_deref() == redirect
        };
        match (known.filter(same), redirect) {
            (Some(known), _) => Ok(known.client.clone()),
            (None, Some(redirect)) => self.register(&found.server, redirect).await,
            (None, None) => Err("there is no way back from the authorization server".to_owned()),
        }
    }

    fn by_hand(&self, client: &OauthClient, server: &Server, known: Option<&Kept>) -> Result<Client, String> {
        // The upstream names its authorization server. A secret follows that word once, and the operator's for good.
        let moved = known.is_some_and(|known| known.issuer != server.issuer) && self.config.issuer.is_none();
        if moved && client.is_confidential() {
            return Err(format!(
                "the upstream names another authorization server than before, {:?}; if that is right, write it as \
                 `issuer`",
                server.issuer
            ));
        }
        let takes = |method: Method| server.methods.iter().any(|one| one == method.as_str());
        let method = match &client.proof {
            ClientProof::None => Method::None,
            ClientProof::Key(_) => Method::Key,
            ClientProof::Secret(_) if takes(Method::Post) && !takes(Method::Basic) => Method::Post,
            ClientProof::Secret(_) => Method::Basic,
        };
        Ok(Client { id: client.id.clone(), secret: None, method, redirect: None })
    }

    /// Registers us (RFC 7591).
    async fn register(&self, server: &Server, redirect: &str) -> Result<Client, String> {
        let endpoint = server.registration.as_deref().ok_or(
            "the authorization server registers no clients by itself; ask for a client there and write it as \
             `client_id`",
        )?;
        let takes = |method: &Method| server.methods.iter().any(|one| one == method.as_str());
        let wanted =
            [Method::None, Method::Basic, Method::Post].into_iter().find(takes).unwrap_or(Method::Basic);
        let body = Object::new()
            .with("client_name", "Placet")
            .with("application_type", "native")
            .with("redirect_uris", vec![redirect])
            .with("grant_types", vec!["authorization_code", "refresh_token"])
            .with("response_types", vec!["code"])
            .with("token_endpoint_auth_method", wanted.as_str());
        let told = self.asker.post_json(endpoint, body).await?;
        let document = told.document.as_ref().filter(|_| told.status.is_success());
        let document = document.ok_or_else(|| format!("the registration was refused: {}", told.error()))?;
        let text = |name| document.member(name).and_then(Json::as_str);
        let method = match text("token_endpoint_auth_method") {
            None => wanted,
            Some(name) => {
                Method::from_name(name).filter(|method| *method != Method::Key).ok_or_else(|| {
                    format!("the registration wants the client to authenticate by {name:?}, which it cannot")
                })?
            }
        };
        let secret = text("client_secret").map(SecretString::from).filter(|_| method != Method::None);
        if secret.is_none() && method != Method::None {
            return Err("the registration gave no secret".to_owned());
        }
        let id = text("client_id").ok_or("the registration gave no client id")?.to_owned();
        Ok(Client { id, secret, method, redirect: Some(redirect.to_owned()) })
    }
}

impl Found {
    /// A sign-in without a token.
    pub(super) fn kept(self, client: Client) -> Kept {
        Kept {
            issuer: self.server.issuer,
            token_endpoint: self.server.token,
            revocation_endpoint: self.server.revocation,
            resource: self.resource.identifier,
            client,
            access: None,
            refresh: None,
            expires: None,
            scopes: self.scopes,
            wanted: Vec::new(),
        }
    }
}

/// All of these, once each, in order.
pub(super) fn united<const N: usize>(lists: [&[String]; N]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for one in lists.into_iter().flatten() {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    all
}
