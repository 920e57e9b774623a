//! `placet credential`: how an agent proves itself. `placet enrol`: a one-time code for a key that is made elsewhere.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use placet_domain::{AgentName, CredentialId, Json, Means, Object};
use placet_identity::Condition;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, note, out, text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Let an agent prove itself in one more way; no secret is stored
    #[command(
        after_help = "Example: placet credential add billing --github acme/billing --ref refs/heads/main"
    )]
    Add(Box<Add>),
    /// List credentials
    List {
        /// Only those of this agent
        #[arg(long)]
        agent: Option<AgentName>,
    },
    /// Remove a credential: nobody proves themselves by it any more
    Remove {
        /// The credential
        id: CredentialId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The agent
    agent: AgentName,
    #[command(flatten)]
    way: Way,
    /// With `--github` or `--gitlab`: the one ref whose runs are the agent
    #[arg(long = "ref", value_name = "REF", default_value = "refs/heads/main")]
    reference: String,
    /// With `--issuer`: a condition on a claim, `claim=text` or `claim=beginning*`; may be given again
    #[arg(long, value_name = "CONDITION")]
    claim: Vec<String>,
    /// The issuer of the tokens, by its name in placet.toml, where there are several of its kind
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Way {
    /// A public key, as a JWK in a file: the agent signs with the private half
    #[arg(long, value_name = "FILE")]
    jwk: Option<PathBuf>,
    /// A SPIFFE id, exact or ending in `/*`: the agent presents its JWT-SVID
    #[arg(long, value_name = "ID")]
    spiffe: Option<String>,
    /// A repository whose GitHub Actions workflows are the agent
    #[arg(long, value_name = "OWNER/REPO")]
    github: Option<String>,
    /// A project whose GitLab pipelines on a protected ref are the agent
    #[arg(long, value_name = "GROUP/PROJECT")]
    gitlab: Option<String>,
    /// A Kubernetes service account that is the agent
    #[arg(long, value_name = "NAMESPACE/NAME")]
    kubernetes: Option<String>,
}

/// `placet enrol`.
#[derive(Debug, Args)]
pub(crate) struct Enrol {
    /// The agent
    agent: AgentName,
    /// Print the code and nothing else
    #[arg(long)]
    code_only: bool,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    match verb {
        Verb::Add(add) => {
            let body = Object::new().with("means", means(&add)?.to_json());
            let path = format!("/v1/agents/{}/credentials", add.agent);
            let answer = context.client().post(&path, body).await?;
            match context.screen.is_json() {
                true => context.screen.json(&answer),
                false => {
                    let credential = answer.member("credential").unwrap_or(&Json::Null);
                    out(&format!(
                        "`{}` proves itself by `{}` from now on",
                        add.agent,
                        text(credential, "id")
                    ));
                }
            }
        }
        Verb::List { agent } => {
            let query = agent.map(|agent| format!("?agent={agent}")).unwrap_or_default();
            show_list(&context.client().get(&format!("/v1/credentials{query}")).await?, context);
        }
        Verb::Remove { id } => {
            let path = format!("/v1/credentials/{id}/remove");
            let answer = context.client().post(&path, Object::new()).await?;
            match context.screen.is_json() {
                true => context.screen.json(&answer),
                false => out(&format!(
                    "removed `{id}`; what it has started runs on: see `placet instance list`, end it with `placet instance revoke`"
                )),
            }
        }
    }
    Ok(Exit::Ok)
}

/// Makes a code.
pub(crate) async fn enrol(enrol: Enrol, context: &Context) -> Result<Exit, Failure> {
    let path = format!("/v1/agents/{}/enrol", enrol.agent);
    let answer = context.client().post(&path, Object::new()).await?;
    if enrol.code_only {
        out(&text(&answer, "code"));
    } else if context.screen.is_json() {
        context.screen.json(&answer);
    } else {
        note(&format!("good once, until {}; on the other machine:", text(&answer, "expires")));
        out(&format!("placet join URL --code {}", text(&answer, "code")));
    }
    Ok(Exit::Ok)
}

fn means(add: &Add) -> Result<Means, Failure> {
    let usage = |why: String| Failure::new(why).with_exit(Exit::Usage);
    let way = &add.way;
    if let Some(path) = &way.jwk {
        let bytes = std::fs::read(path).map_err(Failure::of(format!("{} cannot be read", path.display())))?;
        return match Json::parse(&bytes) {
            Ok(Json::Object(jwk)) => Ok(Means::Key(jwk)),
            _ => Err(usage(format!("{} is not one JWK", path.display()))),
        };
    }
    if let Some(id) = &way.spiffe {
        return Ok(Means::Spiffe(id.clone()));
    }
    let preset = |conditions: Result<Vec<Condition>, placet_identity::ConditionError>| {
        let conditions = conditions.map_err(|error| usage(error.to_string()))?;
        Ok::<Vec<(String, String)>, Failure>(
            conditions.iter().map(|one| (one.path.to_string(), one.pattern.to_string())).collect(),
        )
    };
    let issuer = |kind: &str| add.issuer.clone().unwrap_or_else(|| kind.to_owned());
    let (issuer, claims) = match (&way.github, &way.gitlab, &way.kubernetes) {
        (Some(repository), ..) => {
            (issuer("github"), preset(Condition::github_actions(repository, &add.reference))?)
        }
        (_, Some(project), _) => {
            let branch = add.reference.strip_prefix("refs/heads/").unwrap_or(&add.reference);
            (issuer("gitlab"), preset(Condition::gitlab(project, branch))?)
        }
        (.., Some(account)) => {
            let (namespace, name) = account
                .split_once('/')
                .ok_or_else(|| usage(format!("`{account}` is not `NAMESPACE/NAME`")))?;
            (issuer("kubernetes"), preset(Condition::kubernetes(namespace, name))?)
        }
        (None, None, None) => {
            let Some(issuer) = &add.issuer else {
                return Err(usage(
                    "say how: `--jwk`, `--spiffe`, `--github`, `--gitlab`, `--kubernetes` or `--issuer`"
                        .to_owned(),
                ));
            };
            (issuer.clone(), pairs(&add.claim)?)
        }
    };
    Ok(Means::Federated { issuer, claims })
}

fn pairs(claims: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let pair = |claim: &String| match claim.split_once('=') {
        Some((path, pattern)) => Ok((path.to_owned(), pattern.to_owned())),
        None => Err(Failure::new(format!("`{claim}` is not `claim=text`")).with_exit(Exit::Usage)),
    };
    claims.iter().map(pair).collect()
}

fn show_list(answer: &Json, context: &Context) {
    if context.screen.is_json() {
        return context.screen.json(answer);
    }
    let rows: Vec<Vec<String>> = list(answer, "credentials")
        .iter()
        .map(|credential| {
            let means = credential.member("means").unwrap_or(&Json::Null);
            vec![
                text(credential, "id"),
                text(credential, "agent"),
                text(means, "kind"),
                told(means),
                text(credential, "added"),
                text(credential, "added_by"),
            ]
        })
        .collect();
    context.screen.table(&["credential", "agent", "kind", "what", "added", "by"], &rows);
}

fn told(means: &Json) -> String {
    match means.member("kind").and_then(Json::as_str) {
        Some("key") => text(means.member("jwk").unwrap_or(&Json::Null), "kid"),
        Some("spiffe") => text(means, "id"),
        _ => {
            let pair = |pair: &Json| {
                let texts = pair.as_array().unwrap_or_default().iter().filter_map(Json::as_str);
                crate::print::visible(&texts.collect::<Vec<_>>().join("="))
            };
            let claims: Vec<String> = list(means, "claims").iter().map(pair).collect();
            format!("{}: {}", text(means, "issuer"), claims.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_becomes_conditions_on_claims() {
        let add = |change: &dyn Fn(&mut Add)| {
            let way = Way { jwk: None, spiffe: None, github: None, gitlab: None, kubernetes: None };
            let mut add = Add {
                agent: "billing".parse().unwrap(),
                way,
                reference: "refs/heads/main".to_owned(),
                claim: vec![],
                issuer: None,
            };
            change(&mut add);
            means(&add).map(|means| Json::Object(means.to_json()).canonical())
        };
        assert_eq!(
            add(&|add| add.way.github = Some("acme/billing".to_owned())).unwrap(),
            r#"{"claims":[["repository","acme/billing"],["ref","refs/heads/main"]],"issuer":"github","kind":"federated"}"#
        );
        let account = add(&|add| add.way.kubernetes = Some("prod/billing".to_owned())).unwrap();
        assert!(account.contains("system:serviceaccount:prod:billing"), "{account}");
        assert!(add(&|add| add.way.kubernetes = Some("billing".to_owned())).is_err());
        assert!(add(&|_| {}).is_err());
        assert!(
            add(&|add| (add.issuer, add.claim) = (Some("ci".to_owned()), vec!["sub".to_owned()])).is_err()
        );
    }
}
