//! The key of an agent on this machine: made here, kept where this user alone reads it, never sent. It signs client
//! assertions (RFC 7523) and proofs of possession (RFC 9449).

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::{AgentName, Json, Object};
use placet_engine::ports::{Clock as _, Entropy as _};
use placet_identity::PublicKey;

use crate::{
    exit::Exit,
    failure::Failure,
    system::{SystemClock, SystemEntropy},
};

/// A key pair.
pub(crate) struct KeptKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    jwk: Object,
}

/// An agent that this machine can be, and where.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) agent: AgentName,
    pub(crate) gateway: String,
    pub(crate) issuer: String,
    pub(crate) key: KeptKey,
}

/// How long an assertion lives: long enough for clocks that differ a little.
const ASSERTION_SECONDS: i64 = 60;

impl KeptKey {
    /// Makes a key.
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut seed = [0; 32];
        SystemEntropy.fill(&mut seed);
        Self::from_seed(seed)
    }

    fn from_seed(seed: [u8; 32]) -> Result<Self, Failure> {
        let unusable = || Failure::new("the key cannot be used");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| unusable())?;
        let public = Object::new()
            .with("kty", "OKP")
            .with("crv", "Ed25519")
            .with("x", URL_SAFE_NO_PAD.encode(pair.public_key()));
        let key = PublicKey::from_jwk(&public).map_err(|_| unusable())?;
        let jwk = public.with("kid", key.thumbprint().to_string());
        Ok(Self { seed, pair, jwk })
    }

    /// The public key.
    pub(crate) fn jwk(&self) -> &Object {
        &self.jwk
    }

    /// A client assertion of an agent for this issuer.
    pub(crate) fn assertion(&self, agent: &AgentName, issuer: &str) -> String {
        let now = SystemClock::default().now().seconds();
        let header = Object::new()
            .with("alg", "EdDSA")
            .with("typ", "JWT")
            .with_some("kid", self.jwk.member("kid").and_then(Json::as_str));
        let claims = Object::new()
            .with("iss", agent.as_str())
            .with("sub", agent.as_str())
            .with("aud", issuer)
            .with("iat", now)
            .with("exp", now + ASSERTION_SECONDS)
            .with("jti", unique());
        self.sign(header, claims)
    }

    /// A proof of possession for a POST to this address.
    pub(crate) fn proof(&self, address: &str, nonce: Option<&str>) -> String {
        let mut public = self.jwk.clone();
        public.remove("kid");
        let header = Object::new().with("alg", "EdDSA").with("typ", "dpop+jwt").with("jwk", public);
        let claims = Object::new()
            .with("htm", "POST")
            .with("htu", address)
            .with("iat", SystemClock::default().now().seconds())
            .with("jti", unique())
            .with_some("nonce", nonce);
        self.sign(header, claims)
    }

    fn sign(&self, header: Object, claims: Object) -> String {
        let encode = |object: Object| URL_SAFE_NO_PAD.encode(Json::Object(object).canonical());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl std::fmt::Debug for KeptKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeptKey(…)")
    }
}

impl Kept {
    /// Where keys are kept: `PLACET_KEYS`, or `placet/agents` in the user's configuration.
    pub(crate) fn folder() -> Result<PathBuf, Failure> {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = named("PLACET_KEYS")
            .or_else(|| named("XDG_CONFIG_HOME").map(|folder| folder.join("placet/agents")))
            .or_else(|| named("HOME").map(|folder| folder.join(".config/placet/agents")))
            .ok_or_else(|| Failure::new("there is no home for keys; set PLACET_KEYS to a folder"))?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(Failure::of(format!("the folder {} cannot be used", folder.display())))?;
        Ok(folder)
    }

    /// The kept agent of this name, or the only one.
    pub(crate) fn find(agent: Option<&AgentName>) -> Result<Self, Failure> {
        let folder = Self::folder()?;
        let nobody = |why: String| {
            let next = "`placet enrol AGENT` on the server gives a code for `placet join URL --code CODE`";
            Failure::new(format!("{why}\n  next: {next}")).with_exit(Exit::NotFound)
        };
        let mut agents: Vec<AgentName> = fs::read_dir(&folder)
            .map_err(Failure::of(format!("{} cannot be read", folder.display())))?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(SUFFIX)?.parse().ok())
            .collect();
        agents.sort();
        let agent = match (agent, agents.as_slice()) {
            (Some(agent), _) if agents.contains(agent) => agent,
            (Some(agent), _) => return Err(nobody(format!("this machine keeps no key of `{agent}`"))),
            (None, [only]) => only,
            (None, []) => return Err(nobody("this machine keeps no agent's key".to_owned())),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(AgentName::as_str).collect();
                let why =
                    format!("this machine is several agents; name one with `--agent`: {}", names.join(", "));
                return Err(Failure::new(why).with_exit(Exit::Usage));
            }
        };
        Self::read(&folder.join(format!("{agent}{SUFFIX}")))
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let failed = || format!("the key file {} cannot be used", path.display());
        let mode = fs::metadata(path).map_err(Failure::of(failed()))?.permissions().mode();
        if mode & 0o077 != 0 {
            let why = "others can read it; think about who did, and join again";
            return Err(Failure::new(format!("{}: {why}", failed())));
        }
        let document = Json::parse(&fs::read(path).map_err(Failure::of(failed()))?);
        let document = document.map_err(Failure::of(failed()))?;
        let text =
            |name: &str| document.member(name).and_then(Json::as_str).ok_or_else(|| Failure::new(failed()));
        let seed = URL_SAFE_NO_PAD.decode(text("seed")?).ok().and_then(|seed| seed.try_into().ok());
        Ok(Self {
            agent: text("agent")?.parse().map_err(Failure::of(failed()))?,
            gateway: text("gateway")?.to_owned(),
            issuer: text("issuer")?.to_owned(),
            key: KeptKey::from_seed(seed.ok_or_else(|| Failure::new(failed()))?)?,
        })
    }

    /// Keeps it. An agent that is kept already is not replaced.
    pub(crate) fn write(&self) -> Result<PathBuf, Failure> {
        let path = Self::folder()?.join(format!("{}{SUFFIX}", self.agent));
        let document = Object::new()
            .with("schema", "placet/v1/kept-key")
            .with("agent", self.agent.as_str())
            .with("gateway", self.gateway.as_str())
            .with("issuer", self.issuer.as_str())
            .with("seed", URL_SAFE_NO_PAD.encode(self.key.seed));
        write_alone(&path, &Json::Object(document).canonical(), false)?;
        Ok(path)
    }
}

/// Writes a file that this user alone reads.
pub(crate) fn write_alone(path: &Path, text: &str, replace: bool) -> Result<(), Failure> {
    let failed = || format!("{} cannot be written", path.display());
    let fresh = path.with_extension(format!("new-{}", unique()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(Failure::of(failed()))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // A link does not replace what is there; a rename does.
    let placed =
        written.and_then(|()| if replace { fs::rename(&fresh, path) } else { fs::hard_link(&fresh, path) });
    if !replace || placed.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    placed.map_err(Failure::of(failed()))
}

/// Sixteen random bytes, for what may be used once.
fn unique() -> String {
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What the files of keys end in.
const SUFFIX: &str = ".key.json";

#[cfg(test)]
mod tests {
    use placet_domain::Timestamp;
    use placet_identity::{ClientKeys, Jwks, ProvenRequest, Replays};

    use super::*;

    #[test]
    fn what_it_signs_is_accepted_where_tokens_are_issued() {
        let key = KeptKey::new().unwrap();
        let agent: AgentName = "billing".parse().unwrap();
        let public = PublicKey::from_jwk(key.jwk()).unwrap();
        let now: Timestamp = SystemClock::default().now();
        let replays = Replays::new(10, 10);
        let keys = Jwks::new(vec![public.clone()]).unwrap();
        let assertion = key.assertion(&agent, "https://placet.example");
        ClientKeys::new(agent, keys, "https://placet.example")
            .authenticate(&assertion, &replays, now)
            .unwrap();
        let address = "https://placet.example/oauth/token";
        let target = address.parse().unwrap();
        let request = ProvenRequest { method: "POST", target: &target, access_token: None, bound_to: None };
        let proof = request.verify(&key.proof(address, None), None, &replays, now).unwrap();
        assert_eq!(proof.key, public.thumbprint());
        assert_eq!(format!("{key:?}"), "KeptKey(…)");
    }

    #[test]
    fn a_kept_file_is_for_one_user_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key.json");
        write_alone(&path, "one", false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write_alone(&path, "two", false).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write_alone(&path, "three", true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
