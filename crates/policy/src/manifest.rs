//! A kept revision, read back: the texts and the configuration whose digest it is. What it says is checked by making
//! the manifest anew: a revision is loaded as it was, or not at all. The format is in `docs/policies/revisions.md`.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::time::Duration;

use placet_domain::{
    Digest, Json, KeyPart, Measure, Object, Pin, PolicyRevision, ToolDefinition, ToolName, UsageName,
};

use crate::{
    AttributeType, ConnectorModel, FlowConfig, GrantRules, LoadErrors, PolicyConfig, PolicySource, Resolver,
    ResourceBinding, RiskConfig, Snapshot, UsageRule,
};

/// What a revision is the digest of.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The policies.
    pub sources: Vec<PolicySource>,
    /// Everything else that a decision's meaning depends on.
    pub config: PolicyConfig,
}

/// Why a kept revision cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// What was read does not give the same revision.
    #[error("what is kept as `{kept}` reads as `{read}`: it was written by another version, or altered")]
    Altered {
        /// Its name.
        kept: PolicyRevision,
        /// The name of what was read.
        read: PolicyRevision,
    },
    /// A tool's definition is not there.
    #[error("the definition of tool `{0}` is not kept")]
    MissingTool(Pin),
    /// It is not such a text.
    #[error("the kept text is no manifest: {0}")]
    Unreadable(String),
}

/// A manifest whose tools have not been looked up yet.
#[derive(Debug)]
pub struct UnboundManifest {
    revision: PolicyRevision,
    body: Json,
}

impl UnboundManifest {
    /// Takes a kept text.
    ///
    /// # Errors
    /// It is not JSON.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let body = Json::parse(text.as_bytes()).map_err(|error| unreadable(&error))?;
        Ok(Self { revision: PolicyRevision(Digest::of(text.as_bytes())), body })
    }

    /// The tools whose definitions it needs.
    ///
    /// # Errors
    /// It is not a manifest.
    pub fn pins(&self) -> Result<Vec<Pin>, ManifestError> {
        let mut pins = Vec::new();
        for connector in array(&self.body, "connectors")? {
            for (_, pin) in object(connector, "tools")?.members() {
                pins.push(read_pin(pin)?);
            }
        }
        Ok(pins)
    }

    /// The policies alone.
    ///
    /// # Errors
    /// It is not a manifest.
    pub fn sources(&self) -> Result<Vec<PolicySource>, ManifestError> {
        let source = |source: &Json| {
            Ok(PolicySource {
                name: text(source, "name")?.to_owned(),
                text: text(source, "text")?.to_owned(),
            })
        };
        array(&self.body, "sources")?.iter().map(source).collect()
    }

    /// Puts the definitions to their pins.
    ///
    /// # Errors
    /// One is missing, or the whole is not what it was.
    pub fn bind(&self, definitions: &HashMap<Pin, Json>) -> Result<Manifest, ManifestError> {
        let sources = self.sources()?;
        let applications = self.body.member("applications").and_then(Json::as_array).unwrap_or_default();
        let application = |name: &Json| parsed(name.as_str().unwrap_or_default());
        let config = PolicyConfig {
            applications: applications.iter().map(application).collect::<Result<_, _>>()?,
            time_zone: text(&self.body, "time_zone")?.to_owned(),
            facts: kinds(&self.body, "facts")?,
            connectors: array(&self.body, "connectors")?
                .iter()
                .map(|connector| read_connector(connector, definitions))
                .collect::<Result<_, _>>()?,
            require_user_grants: self
                .body
                .member("require_user_grants")
                .and_then(Json::as_bool)
                .unwrap_or(false),
            usages: usages(&self.body)?,
            flow: match self.body.member("flow") {
                Some(flow) => FlowConfig::of_manifest(flow).map_err(|why| unreadable(&why))?,
                None => FlowConfig::default(),
            },
            grants: self.body.member("grants").map_or_else(|| Ok(GrantRules::default()), grant_rules)?,
            risk: match self.body.member("risk") {
                Some(risk) => Some(RiskConfig::of_manifest(risk).map_err(|why| unreadable(&why))?),
                None => None,
            },
        };
        let read = config.revision(&sources);
        match read == self.revision {
            true => Ok(Manifest { sources, config }),
            false => Err(ManifestError::Altered { kept: self.revision, read }),
        }
    }
}

impl Manifest {
    /// The revision as it judged.
    ///
    /// # Errors
    /// This version of the program does not accept what an earlier one did.
    pub fn load(&self) -> Result<Snapshot, LoadErrors> {
        Snapshot::load(&self.sources, &self.config)
    }
}

fn usages(body: &Json) -> Result<BTreeMap<UsageName, UsageRule>, ManifestError> {
    let Some(all) = body.member("usages").and_then(Json::as_object) else { return Ok(BTreeMap::new()) };
    let words = |rule: &Json, key: &str| -> Vec<String> {
        let words = rule.member(key).and_then(Json::as_array).unwrap_or_default();
        words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    all.members()
        .map(|(name, rule)| {
            let key = words(rule, "key");
            let key = match key.is_empty() {
                true => Vec::new(),
                false => KeyPart::list(&key.join(",")).map_err(|error| unreadable(&error))?,
            };
            let measure = match rule.member("sum").and_then(Json::as_str) {
                Some(argument) => Measure::Sum(argument.to_owned()),
                None => Measure::Calls,
            };
            let window = parsed(text(rule, "window")?)?;
            Ok((parsed(name)?, UsageRule { of: words(rule, "of"), key, window, measure }))
        })
        .collect()
}

fn grant_rules(body: &Json) -> Result<GrantRules, ManifestError> {
    let ceiling = |tier: &str| -> Result<Vec<String>, ManifestError> {
        let word = |group: &Json| group.as_str().map(str::to_owned);
        let groups: Option<Vec<String>> = array(body, tier)?.iter().map(word).collect();
        groups.ok_or_else(|| {
            ManifestError::Unreadable(format!("the ceiling of tier {tier} is no list of groups"))
        })
    };
    let longest = body.member("longest_s").and_then(Json::as_integer).and_then(|s| u64::try_from(s).ok());
    let longest = longest.ok_or_else(|| ManifestError::Unreadable("`longest_s` is no length".to_owned()))?;
    Ok(GrantRules {
        ceilings: [ceiling("1")?, ceiling("2")?, ceiling("3")?],
        longest: Duration::from_secs(longest),
    })
}

fn read_connector(
    connector: &Json,
    definitions: &HashMap<Pin, Json>,
) -> Result<ConnectorModel, ManifestError> {
    let mut tools = Vec::new();
    for (name, pin) in object(connector, "tools")?.members() {
        let pin = read_pin(pin)?;
        let definition = definitions.get(&pin).cloned().ok_or(ManifestError::MissingTool(pin))?;
        tools.push(ToolDefinition { name: parsed(name)?, definition });
    }
    let mut groups = BTreeMap::new();
    for (tool, named) in object(connector, "groups")?.members() {
        let named = named.as_array().unwrap_or_default().iter().filter_map(Json::as_str);
        groups.insert(parsed(tool)?, named.map(str::to_owned).collect());
    }
    let bindings = array(connector, "bindings")?.iter().map(read_binding).collect::<Result<_, _>>()?;
    Ok(ConnectorModel { name: parsed(text(connector, "name")?)?, tools, groups, bindings })
}

fn read_binding(binding: &Json) -> Result<ResourceBinding, ManifestError> {
    let resolver = match binding.member("resolver") {
        None => None,
        Some(resolver) => Some(Resolver {
            tool: parsed(text(resolver, "tool")?)?,
            argument: text(resolver, "argument")?.to_owned(),
        }),
    };
    let tool = |name: &Json| parsed::<ToolName>(name.as_str().unwrap_or_default());
    Ok(ResourceBinding {
        kind: text(binding, "kind")?.to_owned(),
        tools: array(binding, "tools")?.iter().map(tool).collect::<Result<_, _>>()?,
        argument: text(binding, "argument")?.to_owned(),
        resolver,
        attributes: kinds::<AttributeType>(binding, "attributes")?,
    })
}

fn kinds<T: FromStr<Err: std::fmt::Display>>(
    body: &Json,
    key: &str,
) -> Result<BTreeMap<String, T>, ManifestError> {
    let named = object(body, key)?.members();
    named.map(|(name, kind)| Ok((name.to_owned(), parsed(kind.as_str().unwrap_or_default())?))).collect()
}

fn read_pin(pin: &Json) -> Result<Pin, ManifestError> {
    parsed(pin.as_str().unwrap_or_default()).map(Pin)
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, ManifestError> {
    text.parse().map_err(|error: T::Err| unreadable(&error))
}

fn text<'a>(body: &'a Json, key: &str) -> Result<&'a str, ManifestError> {
    body.member(key).and_then(Json::as_str).ok_or_else(|| lacks(key))
}

fn array<'a>(body: &'a Json, key: &str) -> Result<&'a [Json], ManifestError> {
    body.member(key).and_then(Json::as_array).ok_or_else(|| lacks(key))
}

fn object<'a>(body: &'a Json, key: &str) -> Result<&'a Object, ManifestError> {
    body.member(key).and_then(Json::as_object).ok_or_else(|| lacks(key))
}

fn lacks(key: &str) -> ManifestError {
    ManifestError::Unreadable(format!("it has no `{key}`"))
}

fn unreadable(error: &dyn std::fmt::Display) -> ManifestError {
    ManifestError::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::flow::{Counted, FactIs, HistoryRule, LabelRule, ProvenanceConfig};
    use crate::{DeclaredRisk, FactType, OffHours, RateRisk};

    fn tool(name: &str) -> ToolDefinition {
        let text =
            format!(r#"{{"name":"{name}","inputSchema":{{"properties":{{"id":{{"type":"string"}}}}}}}}"#);
        ToolDefinition { name: name.parse().unwrap(), definition: Json::parse(text.as_bytes()).unwrap() }
    }

    /// Nothing in it is a default.
    fn manifest() -> Manifest {
        let crm = ConnectorModel {
            name: "crm".parse().unwrap(),
            tools: vec![tool("get"), tool("update")],
            groups: BTreeMap::from([("get".parse().unwrap(), vec!["read".to_owned()])]),
            bindings: vec![ResourceBinding {
                kind: "Deal".to_owned(),
                tools: vec!["update".parse().unwrap()],
                argument: "id".to_owned(),
                resolver: Some(Resolver { tool: "get".parse().unwrap(), argument: "id".to_owned() }),
                attributes: BTreeMap::from([
                    ("amount".to_owned(), AttributeType::Decimal),
                    ("owner".to_owned(), AttributeType::User),
                ]),
            }],
        };
        let text = r#"@id("g") permit (principal, action == Action::"crm.update", resource);"#.to_owned();
        Manifest {
            sources: vec![PolicySource { name: "a.cedar".to_owned(), text }],
            config: PolicyConfig {
                time_zone: "Europe/Berlin".to_owned(),
                facts: BTreeMap::from([("customers".to_owned(), FactType::SetOfString)]),
                connectors: vec![crm],
                applications: ["crm".parse().unwrap()].into(),
                require_user_grants: true,
                flow: flow(),
                grants: GrantRules {
                    ceilings: [vec![], vec!["read".to_owned()], vec!["read".to_owned(), "send".to_owned()]],
                    longest: Duration::from_secs(90),
                },
                risk: Some(risk()),
                usages: BTreeMap::from([
                    ("changes".parse().unwrap(), usage(Vec::new(), Measure::Calls)),
                    ("moved".parse().unwrap(), usage(vec![KeyPart::Agent], Measure::Sum("id".to_owned()))),
                ]),
            },
        }
    }

    /// With everything that a revision names.
    fn flow() -> FlowConfig {
        let actions = vec!["crm.get".to_owned()];
        let when = FactIs { attribute: "owner".to_owned(), is: "ana".into() };
        let history = HistoryRule {
            actions: actions.clone(),
            counts: Counted::Refused,
            within: Some(Duration::from_secs(90)),
        };
        FlowConfig {
            labels: vec![LabelRule {
                labels: vec!["secret".parse().unwrap()],
                actions: actions.clone(),
                when: Some(when),
            }],
            history: BTreeMap::from([("looked".parse().unwrap(), history)]),
            provenance: Some(ProvenanceConfig { trusted: actions, ..ProvenanceConfig::default() }),
        }
    }

    fn risk() -> RiskConfig {
        RiskConfig {
            groups: BTreeMap::from([("read".to_owned(), 5)]),
            declared: vec![DeclaredRisk {
                actions: vec!["crm.update".to_owned()],
                points: 20,
                because: "it moves money".to_owned(),
            }],
            first_tool: 1,
            first_destination: 2,
            first_shape: 3,
            rate: Some(RateRisk { points: 4, times: 5, at_least: 6 }),
            off_hours: Some(OffHours { points: 7, days: [1, 5].into(), from: 480, until: 1_080 }),
            memory: Duration::from_secs(86_400),
        }
    }

    fn usage(key: Vec<KeyPart>, measure: Measure) -> UsageRule {
        UsageRule { of: vec!["crm.update".to_owned()], key, window: "90m".parse().unwrap(), measure }
    }

    fn definitions(manifest: &Manifest) -> HashMap<Pin, Json> {
        let tools = manifest.config.connectors.iter().flat_map(|connector| &connector.tools);
        tools.map(|tool| (tool.pin(), tool.definition.clone())).collect()
    }

    #[test]
    fn a_revision_is_the_digest_of_its_manifest_and_loads_again_from_it() {
        let manifest = manifest();
        let snapshot = manifest.load().unwrap_or_else(|errors| panic!("{errors}"));
        let text = manifest.config.manifest(&manifest.sources);
        assert_eq!(PolicyRevision(Digest::of(text.as_bytes())), snapshot.revision());
        let kept = UnboundManifest::parse(&text).unwrap();
        assert_eq!(kept.pins().unwrap().len(), 2);
        let read = kept.bind(&definitions(&manifest)).unwrap();
        assert_eq!(read, manifest);
        assert_eq!(read.load().unwrap().revision(), snapshot.revision());
    }

    #[test]
    fn a_manifest_with_a_member_too_many_or_a_missing_tool_is_refused() {
        let manifest = manifest();
        let text = manifest.config.manifest(&manifest.sources);
        let more = text.replacen('{', r#"{"_more":1,"#, 1);
        let bound = |text: &str| UnboundManifest::parse(text).unwrap().bind(&definitions(&manifest));
        assert!(matches!(bound(&more), Err(ManifestError::Altered { .. })));
        let kept = UnboundManifest::parse(&text).unwrap();
        assert!(matches!(kept.bind(&HashMap::new()), Err(ManifestError::MissingTool(_))));
        for text in ["[]", "{}", r#"{"connectors":[{}]}"#] {
            assert!(matches!(bound(text), Err(ManifestError::Unreadable(_))), "{text}");
        }
    }
}
