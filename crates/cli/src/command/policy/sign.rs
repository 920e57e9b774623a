//! `placet policy sign`: signs the policy files, for a server whose `policy.signers` names the key. The signature becomes
//! one of them. The key is read and goes nowhere.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use placet_domain::Object;
use placet_engine::{signature_file, signature_in, text_to_sign};
use placet_ledger::LogKey;

use super::tree::relative;
use crate::{
    config::Config,
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{note, out},
};

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// Ed25519 key, PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Whose key it is, for example `security@corp.example`
    #[arg(long)]
    name: String,
    /// Where the signature goes, a file that `policy.files` reads (default: `signature.cedar` beside the first of them)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(sign: &Sign, context: &Context) -> Result<Exit, Failure> {
    let config = Config::read(&context.config)?;
    let key = read_key(&sign.key, &sign.name)?;
    let text = text_to_sign(&config.policy_sources()?);
    let file = match &sign.out {
        Some(file) => file.clone(),
        None => {
            let place = relative(&config)?.first().and_then(|first| first.parent().map(Path::to_owned));
            config.folder.join(place.unwrap_or_default()).join("signature.cedar")
        }
    };
    std::fs::write(&file, signature_file(&key.sign(&text)))
        .map_err(Failure::of(format!("{} cannot be written", file.display())))?;
    let is_read = config.policy_sources()?.iter().any(|source| {
        signature_in(&source.text).is_some_and(|note| note.starts_with(&text) && note.contains(&sign.name))
    });
    if !is_read {
        let why = format!("`[policy] files` of placet.toml does not read {}", file.display());
        return Err(Failure::new(why).with_exit(Exit::Usage));
    }
    let signer = key.verifier().to_string();
    if context.screen.is_json() {
        let answer = Object::new()
            .with("schema", "placet/v1/policy-sign")
            .with("file", file.display().to_string())
            .with("signer", signer);
        context.screen.json(&answer.into());
    } else {
        out(&format!("signed in {}", file.display()));
        note(&format!("the server takes it with `signers = [\"{signer}\"]` under `[policy]`"));
    }
    Ok(Exit::Ok)
}

fn read_key(path: &Path, name: &str) -> Result<LogKey, Failure> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(Failure::of(format!("the key {shown} cannot be read")))?;
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let wrong = |_| Failure::new(format!("{shown} is no PEM file")).with_exit(Exit::Usage);
    let bytes = STANDARD.decode(body).map_err(wrong)?;
    LogKey::from_pkcs8(name, &bytes)
        .map_err(|error| Failure::new(format!("{shown} and --name: {error}")).with_exit(Exit::Usage))
}
