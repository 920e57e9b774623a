//! The life of an agent as a state machine: what time does to it, and what people may do with it. Pure.
//! The steps and their times are the table in `docs/registry.md`; the times are in `limits.rs`.

use std::{fmt, str::FromStr, time::Duration};

use crate::{AgentStatus, Charter, GroupName, PersonName, Tier, Timestamp, limits};

/// Where an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Registered, waiting for its approvers.
    Proposed,
    /// Approved and certified.
    Active,
    /// The certification has run out; the agent runs on while its owner is reminded.
    CertificationDue,
    /// The alert was given: without an answer it becomes read-only.
    Countdown {
        /// What set it off.
        cause: Cause,
        /// When it ends.
        ends: Timestamp,
    },
    /// Read-only.
    Restricted(Cause),
    /// Switched off.
    Suspended(Cause),
    /// Gone for good; the name stays taken.
    Retired(Cause),
}

/// Why an agent left the ordinary course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nobody certified it in time.
    CertificationMissed,
    /// Its time, set at registration, is over.
    Expired,
    /// A person decided so.
    Operator,
    /// Its owner is no longer in the directory.
    OwnerGone,
    /// An approver refused it.
    Refused,
    /// Its approvers did not answer in time.
    Unanswered,
}

/// How much of its rights a stage leaves an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// No call is accepted.
    Nothing,
    /// Calls that read.
    Read,
    /// Everything that policy permits.
    All,
}

/// What people do with an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The last of its approvers agreed.
    Approve,
    /// The owner certifies it: running, needed, compliant.
    Certify,
    /// One of its approvers refused.
    Refuse,
    /// Another person becomes its owner.
    ReplaceOwner,
    /// A suspension is lifted.
    Resume,
    /// It ends for good.
    Retire,
    /// What it may use is narrowed to what it used.
    Shrink,
    /// It is switched off.
    Suspend,
}

/// Where an agent stands and what is needed to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The stage.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// Who brought it there; absent if time did.
    pub by: Option<PersonName>,
    /// When it was last certified; approval counts as one.
    pub certified: Timestamp,
    /// The least number of days left at which people were reminded in this stage.
    pub reminded: Option<u32>,
    /// Whether the receipt of this stage is written. A stage that takes rights away holds before it is recorded.
    pub recorded: bool,
    /// Who asked for the agent and who agreed.
    pub proposal: Option<Proposal>,
}

/// A question to the approvers of an agent's tier: about a new agent, or about new terms of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Who asks.
    pub by: PersonName,
    /// When it was asked.
    pub asked: Timestamp,
    /// The groups that must agree, one distinct person for each.
    pub chain: Vec<GroupName>,
    /// Who has agreed.
    pub answers: Vec<ApproverAnswer>,
    /// What would hold once all have agreed; absent for a new agent, whose own terms are asked about.
    pub terms: Option<Terms>,
}

/// What approvers agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What the agent is for.
    pub purpose: String,
    /// Its tier.
    pub tier: Tier,
    /// Its groups.
    pub groups: Vec<GroupName>,
    /// What it may do and with.
    pub charter: Charter,
}

impl Proposal {
    /// The groups that have not answered, in order.
    pub fn open(&self) -> impl Iterator<Item = &GroupName> {
        self.chain.iter().filter(|group| !self.answers.iter().any(|answer| answer.group == **group))
    }

    /// Whether it waits for an answer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open().next().is_some()
    }
}

/// One approver's consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproverAnswer {
    /// The group they spoke for.
    pub group: GroupName,
    /// Who.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub rationale: String,
}

/// What the state machine has to know beside the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifeFacts {
    /// Whether the owner is in the directory.
    pub owner_present: bool,
    /// How long a certification holds.
    pub period: Duration,
    /// When the agent ends.
    pub until: Option<Timestamp>,
}

/// Why an event cannot happen in a stage, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotPossible(pub &'static str);

impl Default for Life {
    /// Active and never certified: a life that the first look at the clock finds overdue.
    fn default() -> Self {
        Self::begun(Stage::Active, Timestamp::default())
    }
}

impl Life {
    /// A life that begins in a stage.
    #[must_use]
    pub fn begun(stage: Stage, now: Timestamp) -> Self {
        Self { stage, since: now, by: None, certified: now, reminded: None, recorded: true, proposal: None }
    }

    /// The stage that time brings now, if another one. Applied until it answers `None`; every stage begins anew, so
    /// a program that was off for a year does not run through all of them at once.
    #[must_use]
    pub fn due(&self, facts: &LifeFacts, now: Timestamp) -> Option<Stage> {
        let passed = self.deadline(facts).is_some_and(|deadline| now >= deadline);
        match self.stage {
            Stage::Retired(_) => None,
            _ if facts.until.is_some_and(|until| now >= until) => Some(Stage::Retired(Cause::Expired)),
            Stage::Proposed => passed.then_some(Stage::Retired(Cause::Unanswered)),
            Stage::Active | Stage::CertificationDue if !facts.owner_present => {
                Some(countdown(Cause::OwnerGone, now))
            }
            Stage::Active => (now >= self.certification_ends(facts)).then_some(Stage::CertificationDue),
            Stage::CertificationDue => passed.then(|| countdown(Cause::CertificationMissed, now)),
            // The directory knows the owner again, for example after a mistake in it.
            Stage::Countdown { cause: Cause::OwnerGone, .. } if facts.owner_present => Some(Stage::Active),
            Stage::Countdown { cause, .. } => passed.then_some(Stage::Restricted(cause)),
            Stage::Restricted(cause) => passed.then_some(Stage::Suspended(cause)),
            Stage::Suspended(cause) => passed.then_some(Stage::Retired(cause)),
        }
    }

    /// When time takes the next step that takes something away; `None` if none is in sight.
    #[must_use]
    pub fn deadline(&self, facts: &LifeFacts) -> Option<Timestamp> {
        match self.stage {
            Stage::Proposed => Some(self.since.after(limits::PROPOSAL)),
            Stage::CertificationDue => Some(self.certification_missed(facts).max(self.since)),
            Stage::Countdown { ends, .. } => Some(ends),
            Stage::Restricted(_) => Some(self.since.after(limits::RESTRICTED)),
            // What a person switched off waits for a person.
            Stage::Suspended(Cause::Operator) | Stage::Active | Stage::Retired(_) => None,
            Stage::Suspended(_) => Some(self.since.after(limits::SUSPENDED)),
        }
    }

    /// Days left at which people are to be reminded now; `None` if they were, or nothing is near. Of reminders that
    /// were slept through only the last is given.
    #[must_use]
    pub fn reminder(&self, facts: &LifeFacts, now: Timestamp) -> Option<u32> {
        if self.stage == Stage::Proposed {
            return None;
        }
        let left = self.deadline(facts)?.since(now);
        let near = limits::REMIND_DAYS.into_iter().filter(|days| left <= whole_days(*days)).min()?;
        self.reminded.is_none_or(|said| near < said).then_some(near)
    }

    /// What an event makes of the stage.
    ///
    /// # Errors
    /// Why it cannot happen now, with the next step.
    pub fn after(&self, event: Event, facts: &LifeFacts, now: Timestamp) -> Result<Stage, NotPossible> {
        match (self.stage, event) {
            (Stage::Retired(_), _) => Err(NotPossible("it is retired: register a new agent")),
            (_, Event::Retire) => Ok(Stage::Retired(Cause::Operator)),
            (Stage::Proposed, Event::Approve) => Ok(Stage::Active),
            (Stage::Proposed, Event::Refuse) => Ok(Stage::Retired(Cause::Refused)),
            (Stage::Proposed, Event::ReplaceOwner) => Ok(Stage::Proposed),
            (Stage::Proposed, _) => Err(NotPossible("it waits for its approvers")),
            (_, Event::Approve | Event::Refuse) => Err(NotPossible("it does not wait for approvers")),
            (stage, Event::Shrink) => Ok(stage),
            (_, Event::Certify) if !facts.owner_present => {
                Err(NotPossible("its owner has left: name a new one with `placet agent owner` first"))
            }
            // A suspension is lifted by `resume` alone: what was certified is only remembered.
            (stage @ Stage::Suspended(_), Event::Certify | Event::ReplaceOwner) => Ok(stage),
            (Stage::Suspended(_), Event::Suspend) => Err(NotPossible("it is suspended already")),
            (Stage::Suspended(_), Event::Resume) => self.resumed(facts, now),
            (_, Event::Resume) => Err(NotPossible("it is not suspended")),
            (_, Event::Suspend) => Ok(Stage::Suspended(Cause::Operator)),
            (_, Event::Certify) => Ok(Stage::Active),
            (stage, Event::ReplaceOwner) => Ok(self.with_new_owner(stage, facts, now)),
        }
    }

    /// A new owner ends a countdown for want of one, but does not stand in for a certification that was missed.
    fn with_new_owner(&self, stage: Stage, facts: &LifeFacts, now: Timestamp) -> Stage {
        let missed = now >= self.certification_missed(facts);
        match stage {
            Stage::Countdown { cause: Cause::OwnerGone, ends } if missed => {
                Stage::Countdown { cause: Cause::CertificationMissed, ends }
            }
            Stage::Restricted(Cause::OwnerGone) if missed => Stage::Restricted(Cause::CertificationMissed),
            Stage::Countdown { cause: Cause::OwnerGone, .. } | Stage::Restricted(Cause::OwnerGone) => {
                Stage::Active
            }
            other => other,
        }
    }

    fn resumed(&self, facts: &LifeFacts, now: Timestamp) -> Result<Stage, NotPossible> {
        if !facts.owner_present {
            return Err(NotPossible("its owner has left: name a new one with `placet agent owner` first"));
        }
        if now >= self.certification_missed(facts) {
            return Err(NotPossible("its certification is overdue: `placet agent certify` comes first"));
        }
        Ok(Stage::Active)
    }

    /// When the certification runs out.
    #[must_use]
    pub fn certification_ends(&self, facts: &LifeFacts) -> Timestamp {
        self.certified.after(facts.period)
    }

    fn certification_missed(&self, facts: &LifeFacts) -> Timestamp {
        self.certification_ends(facts).after(limits::CERTIFY_GRACE)
    }
}

impl Stage {
    /// How much of its rights the agent has.
    #[must_use]
    pub fn reach(self) -> Reach {
        match self {
            Self::Proposed | Self::Suspended(_) | Self::Retired(_) => Reach::Nothing,
            Self::Active | Self::CertificationDue | Self::Countdown { .. } => Reach::All,
            Self::Restricted(_) => Reach::Read,
        }
    }

    /// Whether the agent may run at all.
    #[must_use]
    pub fn status(self) -> AgentStatus {
        match self.reach() {
            Reach::Nothing => AgentStatus::Revoked,
            Reach::Read | Reach::All => AgentStatus::Active,
        }
    }

    /// The word of lists, filters and receipts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Active => "active",
            Self::CertificationDue => "certification_due",
            Self::Countdown { .. } => "countdown",
            Self::Restricted(_) => "restricted",
            Self::Suspended(_) => "suspended",
            Self::Retired(_) => "retired",
        }
    }

    /// Every word, in the order of a life.
    pub const WORDS: [&'static str; 7] =
        ["proposed", "active", "certification_due", "countdown", "restricted", "suspended", "retired"];

    /// Why, where there is a reason.
    #[must_use]
    pub fn cause(self) -> Option<Cause> {
        match self {
            Self::Proposed | Self::Active | Self::CertificationDue => None,
            Self::Countdown { cause, .. }
            | Self::Restricted(cause)
            | Self::Suspended(cause)
            | Self::Retired(cause) => Some(cause),
        }
    }

    /// Reads what [`Stage::as_str`], [`Stage::cause`] and the end of a countdown give.
    ///
    /// # Errors
    /// An unknown word, or a part that is missing.
    pub fn read(word: &str, cause: Option<Cause>, ends: Option<Timestamp>) -> Result<Self, UnknownStage> {
        let unknown = || UnknownStage { word: word.to_owned() };
        match (word, cause, ends) {
            ("proposed", None, None) => Ok(Self::Proposed),
            ("active", None, None) => Ok(Self::Active),
            ("certification_due", None, None) => Ok(Self::CertificationDue),
            ("countdown", Some(cause), Some(ends)) => Ok(Self::Countdown { cause, ends }),
            ("restricted", Some(cause), None) => Ok(Self::Restricted(cause)),
            ("suspended", Some(cause), None) => Ok(Self::Suspended(cause)),
            ("retired", Some(cause), None) => Ok(Self::Retired(cause)),
            _ => Err(unknown()),
        }
    }
}

/// Why a text is not a stage or a cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a stage of an agent's life; stages are {}", Stage::WORDS.join(", "))]
pub struct UnknownStage {
    word: String,
}

impl Cause {
    /// The word of receipts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CertificationMissed => "certification_missed",
            Self::Expired => "expired",
            Self::Operator => "operator",
            Self::OwnerGone => "owner_gone",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
        }
    }

    /// For sentences: `it is read-only because …`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::CertificationMissed => "its certification was missed",
            Self::Expired => "its time is over",
            Self::Operator => "a person decided so",
            Self::OwnerGone => "its owner has left",
            Self::Refused => "an approver refused it",
            Self::Unanswered => "its approvers did not answer in time",
        }
    }
}

impl FromStr for Cause {
    type Err = UnknownStage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            Self::CertificationMissed,
            Self::Expired,
            Self::Operator,
            Self::OwnerGone,
            Self::Refused,
            Self::Unanswered,
        ]
        .into_iter()
        .find(|cause| cause.as_str() == text)
        .ok_or_else(|| UnknownStage { word: text.to_owned() })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

fn countdown(cause: Cause, now: Timestamp) -> Stage {
    Stage::Countdown { cause, ends: now.after(limits::COUNTDOWN) }
}

fn whole_days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 60 * 60)
}

#[cfg(test)]
mod tests;
