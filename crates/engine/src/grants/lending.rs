//! Grants in memory: found by what a call is, not by looking at all of them, and who leans on which at the moment.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use placet_domain::{
    AgentName, ConnectorName, Grant, GrantId, GrantState, InstanceId, Operation, Resource, Timestamp,
    ToolName,
};

/// Every grant, by id and by what it covers.
#[derive(Debug, Default)]
pub(crate) struct Lending {
    /// Whether any grant was ever given: without one, a call takes no lock here.
    lends: AtomicBool,
    known: RwLock<Known>,
    leaning: Arc<Mutex<HashMap<Road, Vec<GrantId>>>>,
}

#[derive(Debug, Default)]
struct Known {
    all: BTreeMap<GrantId, Arc<Grant>>,
    /// Those of each agent.
    of_agent: HashMap<AgentName, BTreeSet<GrantId>>,
    /// Grants that hold or held, by what they cover; those that ended go when another comes.
    cover: HashMap<Cover, HashMap<Option<Resource>, Vec<Arc<Grant>>>>,
}

/// What a grant covers, besides one resource or any: one agent and one tool.
type Cover = (AgentName, ConnectorName, ToolName);
/// Which calls lean on grants: those of one run to one tool.
type Road = (InstanceId, ConnectorName, Operation);

impl Known {
    fn cover(&mut self, grant: &Arc<Grant>) {
        for cover in covers(grant) {
            let of_tool = self.cover.entry(cover).or_default();
            of_tool.entry(grant.resource.clone()).or_default().push(grant.clone());
        }
    }

    fn uncover(&mut self, grant: &Grant) {
        for cover in covers(grant) {
            let Some(of_tool) = self.cover.get_mut(&cover) else { continue };
            if let Some(grants) = of_tool.get_mut(&grant.resource) {
                // What has ended goes too: nobody looks for it any more.
                grants.retain(|other| other.id != grant.id && grant.asked < other.expires);
                if grants.is_empty() {
                    of_tool.remove(&grant.resource);
                }
            }
            if of_tool.is_empty() {
                self.cover.remove(&cover);
            }
        }
    }
}

fn covers(grant: &Grant) -> impl Iterator<Item = Cover> {
    grant.tools.iter().map(|tool| (grant.agent.clone(), grant.connector.clone(), tool.clone()))
}

impl Lending {
    pub(crate) fn with(grants: Vec<Grant>) -> Self {
        let lending = Self::default();
        grants.into_iter().for_each(|grant| lending.put(Arc::new(grant)));
        lending
    }

    /// Adds a grant, or replaces it by what has become of it.
    pub(super) fn put(&self, grant: Arc<Grant>) {
        // Nothing between two whole changes can panic.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.uncover(&grant);
        if matches!(grant.state, GrantState::Given(_)) {
            known.cover(&grant);
            self.lends.store(true, Ordering::Release);
        }
        known.of_agent.entry(grant.agent.clone()).or_default().insert(grant.id);
        known.all.insert(grant.id, grant);
    }

    /// Forgets a grant.
    pub(super) fn remove(&self, grant: &Grant) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.uncover(grant);
        if let Some(ids) = known.of_agent.get_mut(&grant.agent) {
            ids.remove(&grant.id);
            if ids.is_empty() {
                known.of_agent.remove(&grant.agent);
            }
        }
        known.all.remove(&grant.id);
    }

    pub(super) fn grant(&self, id: GrantId) -> Option<Arc<Grant>> {
        self.read().all.get(&id).cloned()
    }

    /// Every grant, newest first.
    pub(super) fn all(&self) -> Vec<Arc<Grant>> {
        self.read().all.values().rev().cloned().collect()
    }

    /// Every grant of one agent, newest first.
    pub(super) fn of_agent(&self, agent: &AgentName) -> Vec<Arc<Grant>> {
        let known = self.read();
        let ids = known.of_agent.get(agent).into_iter().flatten().rev();
        ids.filter_map(|id| known.all.get(id)).cloned().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The grants of an agent for one tool that hold, for this resource and for any.
    pub(crate) fn at_hand(
        &self,
        agent: &AgentName,
        connector: &ConnectorName,
        operation: &Operation,
        resource: Option<&Resource>,
        now: Timestamp,
    ) -> Vec<Arc<Grant>> {
        let Operation::Tool(tool) = operation else { return Vec::new() };
        if !self.lends.load(Ordering::Acquire) {
            return Vec::new();
        }
        let known = self.read();
        let Some(of_tool) = known.cover.get(&(agent.clone(), connector.clone(), tool.clone())) else {
            return Vec::new();
        };
        let on_this = resource.and_then(|resource| of_tool.get(&Some(resource.clone())));
        let at_hand = of_tool.get(&None).into_iter().chain(on_this).flatten();
        at_hand.filter(|grant| grant.holds(now)).cloned().collect()
    }

    /// Whether some call of a tool could run by a grant now.
    pub(crate) fn lends(
        &self,
        agent: &AgentName,
        instance: InstanceId,
        connector: &ConnectorName,
        tool: &ToolName,
        now: Timestamp,
    ) -> bool {
        if !self.lends.load(Ordering::Acquire) {
            return false;
        }
        let known = self.read();
        let of_tool = known.cover.get(&(agent.clone(), connector.clone(), tool.clone()));
        let mut all = of_tool.into_iter().flat_map(HashMap::values).flatten();
        all.any(|grant| grant.holds(now) && grant.instance.is_none_or(|only| only == instance))
    }

    pub(super) fn lean(
        &self,
        instance: InstanceId,
        connector: &ConnectorName,
        operation: &Operation,
        grant: GrantId,
    ) -> Leaning {
        let road = (instance, connector.clone(), operation.clone());
        lock(&self.leaning).entry(road.clone()).or_default().push(grant);
        Leaning { leaning: self.leaning.clone(), road, grant }
    }

    pub(super) fn leans(
        &self,
        instance: InstanceId,
        connector: &ConnectorName,
        operation: &Operation,
    ) -> Vec<GrantId> {
        let leaning = lock(&self.leaning);
        if leaning.is_empty() {
            return Vec::new();
        }
        leaning.get(&(instance, connector.clone(), operation.clone())).cloned().unwrap_or_default()
    }
}

/// A running call that a grant permits. Forgotten when it ends.
#[derive(Debug)]
pub(crate) struct Leaning {
    leaning: Arc<Mutex<HashMap<Road, Vec<GrantId>>>>,
    road: Road,
    grant: GrantId,
}

impl Drop for Leaning {
    fn drop(&mut self) {
        let mut leaning = lock(&self.leaning);
        let Some(grants) = leaning.get_mut(&self.road) else { return };
        if let Some(place) = grants.iter().position(|grant| *grant == self.grant) {
            grants.swap_remove(place);
        }
        if grants.is_empty() {
            leaning.remove(&self.road);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
