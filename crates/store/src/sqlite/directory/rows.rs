//! Rows of the directory, read back into nouns.

use placet_domain::{
    DirectoryGroup, DirectoryGroupId, DirectoryKey, DirectoryRecord, DirectoryUser, DirectoryUserId,
    Timestamp,
};

use crate::sqlite::row::{UnreadableRow, digest, noun, object};

#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
    id: String,
    person: String,
    active: i64,
    email: Option<String>,
    attributes: String,
    made_us: i64,
    changed_us: i64,
    version: i64,
    recorded: i64,
    removed: i64,
}

impl TryFrom<UserRow> for DirectoryUser {
    type Error = UnreadableRow;

    fn try_from(row: UserRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: noun("id", &row.id)?,
            person: noun("person", &row.person)?,
            active: row.active != 0,
            email: row.email,
            attributes: object("attributes", &row.attributes)?,
            record: DirectoryRecord {
                made: Timestamp::from_micros(row.made_us),
                changed: Timestamp::from_micros(row.changed_us),
                version: row.version,
                recorded: row.recorded != 0,
                removed: row.removed != 0,
            },
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct GroupRow {
    id: String,
    name: String,
    attributes: String,
    made_us: i64,
    changed_us: i64,
    version: i64,
    recorded: i64,
    removed: i64,
}

impl TryFrom<GroupRow> for DirectoryGroup {
    type Error = UnreadableRow;

    /// The group without its members.
    fn try_from(row: GroupRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: noun("id", &row.id)?,
            name: noun("name", &row.name)?,
            members: std::collections::BTreeSet::new(),
            attributes: object("attributes", &row.attributes)?,
            record: DirectoryRecord {
                made: Timestamp::from_micros(row.made_us),
                changed: Timestamp::from_micros(row.changed_us),
                version: row.version,
                recorded: row.recorded != 0,
                removed: row.removed != 0,
            },
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct MemberRow {
    in_group: String,
    user: String,
}

impl MemberRow {
    pub(super) fn read(&self) -> Result<(DirectoryGroupId, DirectoryUserId), UnreadableRow> {
        Ok((noun("in_group", &self.in_group)?, noun("user", &self.user)?))
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct KeyRow {
    id: String,
    hash: Vec<u8>,
    note: String,
    made_by: String,
    made_us: i64,
    expires_us: i64,
    used_us: Option<i64>,
}

impl TryFrom<KeyRow> for DirectoryKey {
    type Error = UnreadableRow;

    fn try_from(row: KeyRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: noun("id", &row.id)?,
            hash: digest("hash", &row.hash)?,
            note: row.note,
            by: noun("made_by", &row.made_by)?,
            made: Timestamp::from_micros(row.made_us),
            expires: Timestamp::from_micros(row.expires_us),
            used: row.used_us.map(Timestamp::from_micros),
        })
    }
}
