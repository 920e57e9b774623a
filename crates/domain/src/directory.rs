//! The company's directory as an identity provider keeps it here: people, groups of people, and the keys it comes with.
//! Not the people of a deployment, which are these and those the operator has declared; docs/directory.md says who wins.

use std::collections::BTreeSet;

use crate::{DirectoryGroupId, DirectoryKeyId, DirectoryUserId, GroupName, Object, PersonName, Timestamp};

/// A person as the identity provider keeps them.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryUser {
    /// Its id here: what the provider calls them by.
    pub id: DirectoryUserId,
    /// The name they have here.
    pub person: PersonName,
    /// Whether they are with the company.
    pub active: bool,
    /// The address by which other systems know them.
    pub email: Option<String>,
    /// What else the provider says of them, in its own words (RFC 7643 section 4.1). Kept for it; nothing is judged by it.
    pub attributes: Object,
    /// How its record came about.
    pub record: DirectoryRecord,
}

/// A group as the identity provider keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryGroup {
    /// Its id here.
    pub id: DirectoryGroupId,
    /// The group its members are in.
    pub name: GroupName,
    /// Its members. Whoever is not active is a member without being in the group.
    pub members: BTreeSet<DirectoryUserId>,
    /// What else the provider says of it (RFC 7643 section 4.2).
    pub attributes: Object,
    /// How its record came about.
    pub record: DirectoryRecord,
}

/// When a record was made and changed, and what is still to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryRecord {
    /// When it was made.
    pub made: Timestamp,
    /// When it was changed last.
    pub changed: Timestamp,
    /// Counts changes, from 1 on.
    pub version: i64,
    /// Whether its last change has its receipt.
    pub recorded: bool,
    /// Whether the provider has removed it: it goes away when that has its receipt.
    pub removed: bool,
}

impl DirectoryRecord {
    /// That of something new.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { made: now, changed: now, version: 1, recorded: true, removed: false }
    }

    /// That of the next version.
    #[must_use]
    pub fn next(self, now: Timestamp) -> Self {
        Self { changed: now, version: self.version + 1, recorded: true, ..self }
    }

    /// The same, with its receipt to be written.
    #[must_use]
    pub fn unrecorded(self) -> Self {
        Self { recorded: false, ..self }
    }
}

/// What an identity provider comes with: a bearer token, of which only a digest is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryKey {
    /// Its id: in receipts and lists.
    pub id: DirectoryKeyId,
    /// SHA-256 of the secret.
    pub hash: crate::Digest,
    /// What it is for, in a person's words.
    pub note: String,
    /// Who made it.
    pub by: PersonName,
    /// When.
    pub made: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was used last, to the minute.
    pub used: Option<Timestamp>,
}
