//! Which policy sets hold, held and wait to hold, as the store keeps them. Sets are named by their revisions; the texts
//! are kept beside, see [`crate::ports::Revisions`].

use std::{fmt, str::FromStr};

use placet_domain::{AgentName, Digest, PersonName, PolicyRevision, Timestamp};

/// A policy set that came into force for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// Its place in the history, from 1. The store gives it.
    pub number: i64,
    /// The set with the tools and the configuration of that moment.
    pub revision: PolicyRevision,
    /// The policies alone.
    pub texts: Digest,
    /// The policies that the files held then. They lead again as soon as they hold anything else.
    pub files: Option<Digest>,
    /// When.
    pub at: Timestamp,
    /// Who asked for it, if a person did.
    pub by: Option<PersonName>,
    /// The second person, if one was asked.
    pub approved_by: Option<PersonName>,
    /// Where the policies came from.
    pub origin: Origin,
    /// The activation that a rollback returns to.
    pub returns_to: Option<i64>,
}

/// A policy set beside the one in force. There is at most one of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it does meanwhile.
    pub kind: CandidateKind,
    /// The set when it became one.
    pub revision: PolicyRevision,
    /// The policies alone.
    pub texts: Digest,
    /// The policies that were in force then.
    pub base: Digest,
    /// The agents it judges, or is to judge: a canary's. Empty for all.
    pub agents: Vec<AgentName>,
    /// When it became one.
    pub at: Timestamp,
    /// Who asked for it, if a person did.
    pub by: Option<PersonName>,
    /// Where the policies came from.
    pub origin: Origin,
    /// How many receipts there were then.
    pub since: u64,
}

/// What a candidate does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateKind {
    /// It judges the calls of some agents.
    Canary,
    /// It waits for a second person.
    Proposed,
    /// It is tried on every call, without effect.
    Shadow,
}

/// Where a policy set came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The policy files of the configuration.
    Files,
    /// A folder that was handed in.
    Folder,
    /// A commit of a git repository: its id.
    Git(String),
    /// A revision that was kept.
    Kept,
    /// The set before.
    Rollback,
    /// A start of the program: the set that held when it ended.
    Start,
    /// Tools that changed: the same policies, typed anew.
    Tools,
}

/// Why a text is none of our words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct UnknownWord {
    text: String,
    what: &'static str,
}

impl CandidateKind {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Canary, Self::Proposed, Self::Shadow];

    /// The word of lists and receipts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Proposed => "proposed",
            Self::Shadow => "shadow",
        }
    }
}

impl FromStr for CandidateKind {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownWord { text: text.to_owned(), what: "`canary`, `proposed` or `shadow`" };
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(unknown)
    }
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Origin {
    /// The word of lists and receipts.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Folder => "folder",
            Self::Git(_) => "git",
            Self::Kept => "kept",
            Self::Rollback => "rollback",
            Self::Start => "start",
            Self::Tools => "tools",
        }
    }

    /// The commit, if it is one.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Git(commit) => Some(commit),
            Self::Files | Self::Folder | Self::Kept | Self::Rollback | Self::Start | Self::Tools => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())?;
        self.commit().map_or(Ok(()), |commit| write!(formatter, " {commit}"))
    }
}

impl FromStr for Origin {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_commit =
            |id: &str| matches!(id.len(), 40 | 64) && id.bytes().all(|one| one.is_ascii_hexdigit());
        match text {
            "files" => Ok(Self::Files),
            "folder" => Ok(Self::Folder),
            "kept" => Ok(Self::Kept),
            "rollback" => Ok(Self::Rollback),
            "start" => Ok(Self::Start),
            "tools" => Ok(Self::Tools),
            other => match other.strip_prefix("git ") {
                Some(commit) if is_commit(commit) => Ok(Self::Git(commit.to_owned())),
                _ => Err(UnknownWord {
                    text: text.to_owned(),
                    what: "`files`, `folder`, `kept` or `git` with the id of a commit",
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_reads_back_as_it_was_written() {
        let git = Origin::Git("0123456789abcdef0123456789abcdef01234567".to_owned());
        for origin in [Origin::Files, Origin::Folder, Origin::Kept, Origin::Rollback, Origin::Tools, git] {
            assert_eq!(origin.to_string().parse(), Ok(origin));
        }
        for text in ["", "git", "git ", "git main", "git 01234", "somewhere"] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
