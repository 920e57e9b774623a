//! What runs have done and seen: labels, histories, and where values come from. Kept in memory for every family of live runs,
//! put on record with each decision, and read back from the log by a start. The rule is docs/policies/flow.md; why it is so is
//! docs/decisions/0016-a-family-shares-what-it-has-read.md.

mod answer;
mod family;
mod marks;
mod rebuild;
mod text;

pub(crate) use rebuild::first_since;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use placet_domain::{
    AccessRequest, Flow, FlowEffect, Instance, InstanceId, Json, Outcome, PersonName, Provenance, Source,
    Timestamp, ToolCall, Trust, limits,
};
use placet_policy::{Counted, DirectoryPath, FlowConfig, ProvenanceConfig, Snapshot};

use crate::{
    Engine,
    ports::{Entropy, Performed},
};
use family::{Asking, Family};
use marks::Key;

/// What is kept, if anything is declared.
#[derive(Debug)]
pub(crate) struct Flows {
    config: FlowConfig,
    key: Key,
    known: HashSet<u64>,
    known_to: HashMap<PersonName, HashSet<u64>>,
    families: Mutex<HashMap<InstanceId, Arc<Mutex<Family>>>>,
    /// Runs whose mandate is the agent's own word.
    self_started: Mutex<HashMap<InstanceId, Timestamp>>,
    /// Families that there have been.
    opened: AtomicUsize,
    /// Places remembered for all families.
    marks: AtomicUsize,
}

/// A sent call whose answer is still to be looked at.
#[derive(Debug)]
pub(crate) struct Awaited {
    family: Arc<Mutex<Family>>,
    effect: FlowEffect,
    directory: Vec<DirectoryPath>,
}

impl Flows {
    /// `None` if nothing is declared: then nothing of this costs anything.
    pub(crate) fn new(config: &FlowConfig, entropy: &dyn Entropy) -> Option<Self> {
        if config.is_empty() {
            return None;
        }
        let mut seed = [0; 8];
        entropy.fill(&mut seed);
        let key = Key::from_bytes(seed);
        let set = |values: &Vec<String>| -> HashSet<u64> {
            values.iter().flat_map(|value| family::digests(key, &text::plain(value))).collect()
        };
        let provenance = config.provenance.clone().unwrap_or_default();
        Some(Self {
            config: config.clone(),
            key,
            known: set(&provenance.known),
            known_to: provenance
                .known_to
                .iter()
                .map(|(person, values)| (person.clone(), set(values)))
                .collect(),
            families: Mutex::default(),
            self_started: Mutex::default(),
            opened: AtomicUsize::new(0),
            marks: AtomicUsize::new(0),
        })
    }

    fn family(&self, root: InstanceId, ends: Timestamp, now: Timestamp) -> Arc<Mutex<Family>> {
        let mut families = lock(&self.families);
        if !families.contains_key(&root)
            && self.opened.fetch_add(1, Ordering::Relaxed).is_multiple_of(BURY_EVERY)
        {
            self.bury(&mut families, now);
        }
        families.entry(root).or_insert_with(|| Arc::new(Mutex::new(Family::new(ends)))).clone()
    }

    /// Forgets families that have ended. A run lives an hour at most, so this stays small.
    fn bury(&self, families: &mut HashMap<InstanceId, Arc<Mutex<Family>>>, now: Timestamp) {
        families.retain(|_, family| {
            let family = lock(family);
            let lives = now < family.ends;
            if !lives {
                self.marks.fetch_sub(family.seen.len(), Ordering::Relaxed);
            }
            lives
        });
    }

    fn provenance(&self) -> Option<&ProvenanceConfig> {
        self.config.provenance.as_ref()
    }

    fn asking(&self, instance: &Instance) -> Asking<'_> {
        let person = instance.mandate.on_behalf_of.as_ref().and_then(|person| self.known_to.get(person));
        Asking { key: self.key, everybody: &self.known, person, left: limits::FLOW_VALUES }
    }

    /// Takes an answer into a family's memory, within the bounds.
    fn take(&self, awaited: &Awaited, performed: &Performed) {
        let Some(reads) = awaited.effect.reads else { return };
        let mut family = lock(&awaited.family);
        let before = family.seen.len();
        match &performed.answer {
            Some(answer) => {
                let answer = answer::read(answer);
                family.seen.take(self.key, answer.as_ref(), reads == Trust::Trusted, &awaited.directory);
            }
            // It may have said something on the way that nobody can look at any more.
            None if performed.sent => family.seen.blind |= reads == Trust::Untrusted,
            None => {}
        }
        let gained = family.seen.len().saturating_sub(before);
        let all = self.marks.fetch_add(gained, Ordering::Relaxed) + gained;
        if family.seen.len() > limits::FLOW_MARKS || all > limits::FLOW_MARKS_ALL {
            let held = family.seen.len();
            family.seen.go_blind();
            self.marks.fetch_sub(held - family.seen.len(), Ordering::Relaxed);
            tracing::warn!("a run has read more than can be remembered: all it has read counts as untrusted");
        }
    }
}

impl Engine {
    /// What the run carries into a call, as far as the policies in force read it, and what the call will do to it.
    pub(crate) fn flow(&self, policies: &Snapshot, request: &AccessRequest) -> Flow {
        let Some(flows) = &self.flows else { return Flow::default() };
        let effect = policies.flow_effect(&request.call, request.facts.as_ref());
        let (labels, history, provenance) =
            (policies.reads_labels(), policies.reads_history(), policies.reads_provenance());
        if !(labels || history || provenance) {
            return Flow { effect, ..Flow::default() };
        }
        let family = self.family(flows, request);
        let mut family = lock(&family);
        let counted = || {
            let rules = flows.config.history.iter();
            rules
                .map(|(name, rule)| (name.clone(), family.counted(name, rule, request.now)))
                .collect::<BTreeMap<_, _>>()
        };
        Flow {
            labels: labels.then(|| family.labels.clone()),
            history: history.then(counted),
            provenance: provenance.then(|| self.trace(flows, &mut family, request, &mut |_, _| {})),
            effect,
        }
    }

    /// Notes a decision that is on record: counts it and, if the call is about to be sent, puts its labels on the run. From
    /// here on the run counts as having read what the call will say: no race lets it act on it before.
    pub(crate) fn note_decision(&self, request: &AccessRequest, is_allowed: bool) -> Option<Awaited> {
        let flows = self.flows.as_ref()?;
        let effect = &request.flow.effect;
        if effect.is_empty() {
            return None;
        }
        let family = self.family(flows, request);
        let mut known = lock(&family);
        for name in &effect.counts {
            let Some(rule) = flows.config.history.get(name) else { continue };
            known.count(name, rule, Counted::Attempted, request.now);
            let how = if is_allowed { Counted::Allowed } else { Counted::Refused };
            known.count(name, rule, how, request.now);
        }
        if !is_allowed {
            return None;
        }
        known.labels.extend(effect.adds.iter().cloned());
        if effect.reads == Some(Trust::Trusted) {
            let mut echoed = Vec::new();
            self.trace(flows, &mut known, request, &mut |value, source| {
                if matches!(source, Source::Unknown | Source::Untrusted) {
                    echoed.push(value.to_owned());
                }
            });
            echoed.iter().for_each(|value| known.seen.echo(flows.key, value));
        }
        drop(known);
        let directory = self.policies.load().directory_paths(&request.call).to_vec();
        Some(Awaited { family, effect: effect.clone(), directory })
    }

    /// Looks at what came of a call, before anybody hears of it.
    pub(crate) fn note_answer(&self, awaited: Option<&Awaited>, performed: &Performed, now: Timestamp) {
        let (Some(flows), Some(awaited)) = (&self.flows, awaited) else { return };
        flows.take(awaited, performed);
        if performed.outcome == Outcome::Succeeded {
            let mut family = lock(&awaited.family);
            for name in &awaited.effect.counts {
                if let Some(rule) = flows.config.history.get(name) {
                    family.count(name, rule, Counted::Succeeded, now);
                }
            }
        }
    }

    /// Notes that a call is performed elsewhere: its answer never comes by here.
    pub(crate) fn note_unseen(&self, awaited: &Awaited) {
        lock(&awaited.family).seen.blind |= awaited.effect.reads == Some(Trust::Untrusted);
    }

    /// Notes that an agent has started a run itself, by its own credential: its mandate is its own word.
    pub(crate) fn note_self_started(&self, instance: &Instance) {
        if let (Some(flows), None) = (&self.flows, instance.parent) {
            let mut started = lock(&flows.self_started);
            if started.len().is_power_of_two() {
                started.retain(|_, ends| instance.started < *ends);
            }
            started.insert(instance.id, instance.expires);
        }
    }

    fn family(&self, flows: &Flows, request: &AccessRequest) -> Arc<Mutex<Family>> {
        let root = self.root(&request.instance);
        flows.family(root.id, root.expires, request.now)
    }

    /// The run that nobody started, of which this one descends.
    fn root(&self, instance: &Arc<Instance>) -> Arc<Instance> {
        let mut root = instance.clone();
        for _ in 0..limits::INSTANCE_DEPTH {
            match root.parent.and_then(|parent| self.ports.mandates.instance(parent)) {
                Some(parent) => root = parent,
                None => break,
            }
        }
        root
    }

    /// Where every value of the arguments comes from; each text is shown to the visitor.
    fn trace(
        &self,
        flows: &Flows,
        family: &mut Family,
        request: &AccessRequest,
        visit: &mut dyn FnMut(&str, Source),
    ) -> Provenance {
        // Only what the family was started for: a run writes the mandates of those it starts.
        let root = self.root(&request.instance);
        family.seen.read_mandate(|| {
            let own_word = lock(&flows.self_started).contains_key(&root.id);
            let believed = !own_word || flows.provenance().is_some_and(|one| one.believe_agents);
            believed.then(|| root.mandate.clone())
        });
        let mut tracing =
            Tracing { family, asking: flows.asking(&root), provenance: Provenance::default(), visit };
        for (name, value) in arguments(&request.call) {
            tracing.value(name, value);
        }
        tracing.provenance
    }
}

/// Tells the sources of one call's values.
struct Tracing<'a> {
    family: &'a Family,
    asking: Asking<'a>,
    provenance: Provenance,
    visit: &'a mut dyn FnMut(&str, Source),
}

impl Tracing<'_> {
    fn value(&mut self, path: &str, value: &Json) {
        match value {
            Json::Null | Json::Bool(_) => {}
            Json::Number(number) => self.spelled(path, &answer::spellings(*number)),
            Json::String(text) => self.spelled(path, std::slice::from_ref(text)),
            Json::Array(elements) => elements.iter().for_each(|element| self.value(path, element)),
            Json::Object(object) => {
                for (name, value) in object.members() {
                    // Names of members are the agent's words as well where a schema leaves them open.
                    let below = format!("{path}.{name}");
                    if self.asking.left == 0 {
                        self.provenance.put(path, Source::Untrusted);
                        return;
                    }
                    self.value(&below, value);
                }
            }
        }
    }

    fn spelled(&mut self, path: &str, spellings: &[String]) {
        let Some(source) = self.family.seen.source(spellings, &mut self.asking) else { return };
        if let Some(value) = spellings.first() {
            (self.visit)(value, source);
        }
        self.provenance.put(path, source);
    }
}

/// What is judged of a call: a tool's arguments, or a method's params without transport.
fn arguments(call: &ToolCall) -> impl Iterator<Item = (&str, &Json)> {
    let is_tool = matches!(call.operation(), placet_domain::Operation::Tool(_));
    let arguments = match is_tool {
        true => call.params().member("arguments").and_then(Json::as_object),
        false => Some(call.params()),
    };
    arguments
        .into_iter()
        .flat_map(placet_domain::Object::members)
        .filter(move |(name, _)| is_tool || *name != "_meta")
}

/// Ended families are looked for with every so many new ones.
const BURY_EVERY: usize = 64;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left is labels and marks that were put before it: more caution, never less.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
