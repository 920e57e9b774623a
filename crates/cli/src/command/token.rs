//! `placet join` and `placet token`: a machine that is an agent. Its key is made and kept here; tokens are asked for with
//! it, and used again until they are about to end.

use clap::Args;
use placet_domain::{AgentName, Digest, Json, Object, TaskName};
use placet_engine::ports::Clock as _;

use crate::{
    command::{instance::Life, stdio},
    context::Context,
    exit::Exit,
    failure::Failure,
    kept_key::{Kept, KeptKey, write_alone},
    oauth::{Answer, Endpoints},
    print::{note, out, text},
    system::SystemClock,
};

/// `placet join`.
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The gateway, for example `https://placet.example`
    url: String,
    /// The code that `placet enrol AGENT` printed
    #[arg(long, value_name = "CODE", env = "PLACET_CODE")]
    code: String,
}

/// `placet token`.
#[derive(Debug, Args)]
#[command(after_help = "Example: export PLACET_TOKEN=$(placet token --scope crm.get_deal --token-only)")]
pub(crate) struct Token {
    /// The agent, where this machine is several
    #[arg(long)]
    agent: Option<AgentName>,
    /// What the run is for, in a few words
    #[arg(long, value_name = "TEXT")]
    task: Option<String>,
    /// The ticket that asked for it
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
    /// Why the task is done
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// The kind of task, of those that the agent declares
    #[arg(long, value_name = "KIND")]
    kind: Option<TaskName>,
    /// What the run is limited to: `crm`, `crm.get_deal`, `crm.get_deal:Deal/D-1`; may be given again
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// A context fact for policies, `name=value`; may be given again
    #[arg(long, value_name = "FACT")]
    fact: Vec<String>,
    /// The one resource the token is good for, such as `https://placet.example/mcp/crm`
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
    /// How long it lives, at most an hour
    #[arg(long, value_name = "TIME", default_value = "15m")]
    ttl: Life,
    /// Bind the token to the kept key: it is good only with proofs of it (RFC 9449)
    #[arg(long)]
    dpop: bool,
    /// Do not use a token again that was asked for before
    #[arg(long)]
    fresh: bool,
    /// Print the token and nothing else
    #[arg(long)]
    token_only: bool,
}

/// Tokens that end sooner are not used again.
const CLOSE_TO_ITS_END: i64 = 60;

/// Makes a key, enrols it, keeps it.
pub(crate) async fn join(join: Join, context: &Context) -> Result<Exit, Failure> {
    let endpoints = Endpoints::at(&join.url)?;
    let issuer = endpoints.issuer().await?;
    let key = KeptKey::new()?;
    // A folder that cannot be written is found before the code is used up.
    let _folder = Kept::folder()?;
    let address = format!("{}/oauth/enrol", issuer.trim_end_matches('/'));
    let body = Object::new().with("code", join.code.as_str()).with("jwk", key.jwk().clone());
    let proven = async |nonce: Option<&str>| {
        let headers = [("dpop", key.proof(&address, nonce))];
        endpoints.json("/oauth/enrol", &headers, body.clone().into()).await
    };
    let mut answer = proven(None).await?;
    if answer.error() == Some("use_dpop_nonce") {
        answer = proven(answer.nonce.clone().as_deref()).await?;
    }
    let answer = answer.good()?;
    let agent = text(&answer, "agent").parse().map_err(Failure::of("the gateway named no agent"))?;
    let kept = Kept { agent, gateway: endpoints.base().to_owned(), issuer, key };
    let path = kept.write()?;
    match context.screen.is_json() {
        true => context.screen.json(&answer),
        false => out(&format!(
            "this machine is `{}` at {}; its key is kept in {}",
            kept.agent,
            kept.gateway,
            path.display()
        )),
    }
    Ok(Exit::Ok)
}

/// Asks for a token.
pub(crate) async fn run(token: Token, context: &Context) -> Result<Exit, Failure> {
    let kept = Kept::find(token.agent.as_ref())?;
    let pairs = pairs(&token);
    let name = format!("{}\n{}\n{pairs:?}\n{}", kept.agent, kept.gateway, token.dpop);
    let cache = Kept::folder()?.join(format!("{}.{}.token", kept.agent, Digest::of(name.as_bytes()).short()));
    if !token.fresh
        && let Some(answer) = cached(&cache)
    {
        return show(&answer, token.token_only, context);
    }
    let endpoints = Endpoints::at(&kept.gateway)?;
    let mut answer = ask(&endpoints, &kept, &pairs, token.dpop, None).await?;
    if answer.error() == Some("use_dpop_nonce") {
        answer = ask(&endpoints, &kept, &pairs, token.dpop, answer.nonce.clone()).await?;
    }
    let Json::Object(answer) = answer.good()? else {
        return Err(Failure::new("the gateway gave no token; compare the versions"));
    };
    let life = answer.member("expires_in").and_then(Json::as_integer).unwrap_or_default();
    let answer = answer.with("expires", SystemClock::default().now().seconds().saturating_add(life));
    let answer = Json::Object(answer);
    // A token that cannot be kept is asked for again.
    if let Err(failure) = write_alone(&cache, &answer.canonical(), true) {
        note(&failure.to_string());
    }
    show(&answer, token.token_only, context)
}

async fn ask(
    endpoints: &Endpoints,
    kept: &Kept,
    pairs: &[(String, String)],
    dpop: bool,
    nonce: Option<String>,
) -> Result<Answer, Failure> {
    let mut form = pairs.to_vec();
    let mut put = |name: &str, value: String| form.push((name.to_owned(), value));
    put("grant_type", "client_credentials".to_owned());
    put("client_id", kept.agent.to_string());
    put("client_assertion_type", placet_identity::CLIENT_ASSERTION_TYPE.to_owned());
    put("client_assertion", kept.key.assertion(&kept.agent, &kept.issuer));
    let address = format!("{}/oauth/token", kept.issuer.trim_end_matches('/'));
    let headers = match dpop {
        true => vec![("dpop", kept.key.proof(&address, nonce.as_deref()))],
        false => Vec::new(),
    };
    endpoints.form("/oauth/token", &headers, &form).await
}

fn pairs(token: &Token) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            pairs.push((name.to_owned(), value));
        }
    };
    put("task", token.task.clone());
    put("ticket", token.ticket.clone());
    put("purpose", token.purpose.clone());
    put("task_kind", token.kind.as_ref().map(ToString::to_string));
    let scope: Vec<&str> = token.scope.iter().flat_map(|scope| scope.split_whitespace()).collect();
    put("scope", (!scope.is_empty()).then(|| scope.join(" ")));
    put("resource", token.resource.clone());
    put("ttl", Some(token.ttl.seconds().to_string()));
    for fact in &token.fact {
        let (name, value) = fact.split_once('=').unwrap_or((fact, ""));
        put(&format!("fact.{}", name.trim_end_matches(':')), Some(value.to_owned()));
    }
    pairs
}

/// A kept answer whose token does not end soon.
fn cached(path: &std::path::Path) -> Option<Json> {
    let answer = Json::parse(&std::fs::read(path).ok()?).ok()?;
    let ends = answer.member("expires")?.as_integer()?;
    (ends > SystemClock::default().now().seconds() + CLOSE_TO_ITS_END).then_some(answer)
}

fn show(answer: &Json, token_only: bool, context: &Context) -> Result<Exit, Failure> {
    let token = answer.member("access_token").and_then(Json::as_str);
    let token = token.ok_or_else(|| Failure::new("the gateway gave no token; compare the versions"))?;
    if token_only {
        out(token);
    } else if context.screen.is_json() {
        context.screen.json(answer);
    } else {
        note(&format!("instance `{}`", text(answer, "instance")));
        out(&format!("PLACET_TOKEN={token}"));
    }
    Ok(Exit::Ok)
}

/// `placet instance end` without an id: the instance whose token is in `PLACET_TOKEN` ends itself.
pub(crate) async fn end_own(gateway: Option<String>, context: &Context) -> Result<Exit, Failure> {
    let token = std::env::var("PLACET_TOKEN").map_err(|_| {
        Failure::new("name an instance, or set PLACET_TOKEN to the token of the one to end")
            .with_exit(Exit::Usage)
    })?;
    let base = match gateway {
        Some(base) => base,
        None => stdio::listening(&context.config)?,
    };
    let headers = [("authorization", format!("Bearer {token}"))];
    let form = [("token".to_owned(), token)];
    Endpoints::at(&base)?.form("/oauth/revoke", &headers, &form).await?.good()?;
    match context.screen.is_json() {
        true => context.screen.json(&Json::Object(Object::new().with("ended", true))),
        false => out("ended: none of its calls is accepted any more"),
    }
    Ok(Exit::Ok)
}
