//! `context.risk`: what is declared to weigh, and the score of a request by it. What was observed comes with the request; so
//! the same request has the same score under the same revision. The rule is docs/policies/risk.md.

mod footprint;
mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use placet_domain::{AccessRequest, Drift, Risk, RiskPart, Timestamp, limits};

use crate::model::{Action, GROUPS, Model};
use crate::{Finding, Snapshot};

/// What weighs how much: points, 0 to 100. What is 0 is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskConfig {
    /// What the action groups weigh, instead of the built-in points.
    pub groups: BTreeMap<String, u8>,
    /// What the operator says of some actions.
    pub declared: Vec<DeclaredRisk>,
    /// A tool that the agent has not used.
    pub first_tool: u8,
    /// A destination to which the agent has sent nothing.
    pub first_destination: u8,
    /// Arguments of names and types with which the agent has not used the tool.
    pub first_shape: u8,
    /// Far more calls than the agent makes.
    pub rate: Option<RateRisk>,
    /// Calls outside of working hours.
    pub off_hours: Option<OffHours>,
    /// How long the agent's habits are remembered.
    pub memory: Duration,
}

/// Points for some actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredRisk {
    /// The actions, by the names of policies: a tool, a method, a group, a connector.
    pub actions: Vec<String>,
    /// What they add.
    pub points: u8,
    /// Why, as a sentence without a full stop.
    pub because: String,
}

/// When a rate is out of the agent's own ordinary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateRisk {
    /// What it adds.
    pub points: u8,
    /// More than so many times what the agent makes in an hour in which it works.
    pub times: u32,
    /// And at least so many calls in the last hour.
    pub at_least: u32,
}

/// When nobody works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffHours {
    /// What it adds.
    pub points: u8,
    /// Working days; 1 is Monday.
    pub days: BTreeSet<u8>,
    /// First working minute of the day, in the time zone of the configuration.
    pub from: u16,
    /// First minute of the day after work.
    pub until: u16,
}

impl Default for RiskConfig {
    fn default() -> Self {
        Self {
            groups: BTreeMap::new(),
            declared: Vec::new(),
            first_tool: 0,
            first_destination: 0,
            first_shape: 0,
            rate: None,
            off_hours: None,
            memory: limits::HABITS_LIFE,
        }
    }
}

impl RiskConfig {
    fn check(&self, findings: &mut Vec<Finding>) {
        let declared = self.declared.iter().map(|one| one.points);
        let observed = [self.first_tool, self.first_destination, self.first_shape];
        let others =
            [self.rate.as_ref().map(|rate| rate.points), self.off_hours.as_ref().map(|off| off.points)];
        let mut points =
            declared.chain(observed).chain(others.into_iter().flatten()).chain(self.groups.values().copied());
        if points.any(|points| points > Risk::MOST) {
            findings.push(Finding::of_config("`[risk]` gives more than 100 points", "points are 0 to 100"));
        }
        for group in self.groups.keys().filter(|name| GROUPS.iter().all(|(known, _)| known != name)) {
            findings.push(Finding::of_config(
                format!("`[risk.groups]` names `{group}`, which is not an action group"),
                "use `read`, `write`, `send`, `delete`, `execute`, `export` or `admin`",
            ));
        }
        if self.memory.is_zero() || self.memory > limits::HABITS_LIFE_MOST {
            findings.push(Finding::of_config("`risk.memory` is not between 1 and 90 days", "use `30d`"));
        }
    }
}

/// Binds what is declared to the actions. A name that fits none is a finding: a weight that a typing mistake takes off
/// is a door left open.
pub(crate) fn bind(model: &mut Model, config: Option<&RiskConfig>, findings: &mut Vec<Finding>) {
    let Some(config) = config else { return };
    config.check(findings);
    for rule in &config.declared {
        let fits = |name: &String| {
            let of = |action: &Action| action.name == *name || action.groups.contains(name);
            GROUPS.iter().any(|(group, _)| group == name) || model.actions().any(of)
        };
        for name in rule.actions.iter().filter(|name| !fits(name)) {
            findings.push(Finding::of_config(
                format!("`[[risk.declared]]` names `{name}`, which is no action, group or connector"),
                "correct the name, or accept the tool first",
            ));
        }
        if rule.actions.is_empty() {
            findings.push(Finding::of_config("`[[risk.declared]]` names no action", "name at least one"));
        }
    }
    for action in model.actions_mut() {
        let weights = action.groups.iter().filter_map(|group| {
            let built_in = GROUPS.iter().find(|(known, _)| known == group).map(|(_, points)| *points)?;
            Some(config.groups.get(group).copied().unwrap_or(built_in))
        });
        action.risk = weights.max().unwrap_or(action.risk);
        let is_one_of =
            |names: &[String]| names.iter().any(|name| *name == action.name || action.groups.contains(name));
        action.declared_risks = config
            .declared
            .iter()
            .filter(|rule| is_one_of(&rule.actions))
            .map(|rule| part("declared", rule.points, rule.because.clone()))
            .collect();
    }
    model.risk = Some(config.clone());
}

impl Snapshot {
    /// Whether a policy in force may read the risk, and what it is made of is declared.
    #[must_use]
    pub fn reads_risk(&self) -> bool {
        self.model.risk.is_some() && self.mentions.reads("risk")
    }

    /// The score of a request; what policies read and nobody has observed is an error.
    pub(crate) fn risk(&self, action: &Action, request: &AccessRequest) -> Result<Risk, String> {
        let Some(config) = self.model.risk.as_ref().filter(|_| self.mentions.reads("risk")) else {
            return Ok(Risk::of_group(action.risk));
        };
        let drift = request.observed.drift.as_ref();
        let drift = drift.ok_or("`context.risk` is read and nothing was observed for it")?;
        let mut parts = vec![part("group", action.risk, of_group(action))];
        parts.extend(action.declared_risks.iter().cloned());
        config.drift(action, request, drift, &mut parts);
        if let Some(off) = &config.off_hours
            && off.is_off(&self.model.zone, request.now)?
        {
            let zone = self.model.zone.iana_name().unwrap_or("UTC");
            parts.push(part("off_hours", off.points, format!("it is outside of working hours in {zone}")));
        }
        let hooks = request.observed.hooks.iter();
        parts.extend(hooks.map(|answer| part(answer.of.as_str(), answer.points, answer.why.clone())));
        parts.retain(|part| part.points > 0);
        Ok(Risk::of_parts(parts))
    }
}

impl RiskConfig {
    fn drift(&self, action: &Action, request: &AccessRequest, drift: &Drift, parts: &mut Vec<RiskPart>) {
        let (agent, name) = (&request.agent.name, &action.name);
        let memory = told(self.memory);
        if drift.first_tool {
            let why = format!("`{agent}` has not used `{name}` in {memory}");
            parts.push(part("first_tool", self.first_tool, why));
        }
        if drift.first_destinations > 0 {
            let many = drift.first_destinations;
            let why = format!("`{agent}` has not used `{name}` for {many} of its destinations in {memory}");
            parts.push(part("first_destination", self.first_destination, why));
        }
        // A tool that is new has no arguments that are not.
        if drift.first_shape && !drift.first_tool {
            let why = format!("`{agent}` has not used `{name}` with such arguments in {memory}");
            parts.push(part("first_shape", self.first_shape, why));
        }
        if let Some(rate) = &self.rate {
            let most = drift.usual.saturating_mul(rate.times);
            if drift.recent >= rate.at_least && drift.recent > most {
                let (recent, usual) = (drift.recent, drift.usual);
                let why = format!(
                    "`{agent}` has made {recent} calls in the last hour; in an hour it makes {usual}"
                );
                parts.push(part("rate", rate.points, why));
            }
        }
    }
}

impl OffHours {
    fn is_off(&self, zone: &TimeZone, now: Timestamp) -> Result<bool, String> {
        let moment = jiff::Timestamp::from_microsecond(now.micros())
            .map_err(|error| format!("the time of the call cannot be told: {error}"))?;
        let local = zone.to_datetime(moment);
        let day = u8::try_from(local.weekday().to_monday_one_offset()).unwrap_or_default();
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute()));
        let minute = minute.map_err(|_| "the hour cannot be told".to_owned())?;
        Ok(!self.days.contains(&day) || minute < self.from || minute >= self.until)
    }
}

fn of_group(action: &Action) -> String {
    let groups = action.groups.iter().filter(|group| GROUPS.iter().any(|(known, _)| known == group));
    let groups: Vec<String> = groups.map(|group| format!("`{group}`")).collect();
    match groups.is_empty() {
        true => format!("`{}` is in no action group", action.name),
        false => format!("`{}` is in {}", action.name, groups.join(", ")),
    }
}

fn told(memory: Duration) -> String {
    match memory.as_secs() / 86_400 {
        0 => format!("{} hours", memory.as_secs() / 3_600),
        days => format!("{days} days"),
    }
}

fn part(of: &str, points: u8, why: String) -> RiskPart {
    RiskPart { of: of.to_owned(), points, why }
}

#[cfg(test)]
mod tests;
