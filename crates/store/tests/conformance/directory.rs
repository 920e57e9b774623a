//! Sentences of `Directory`.

use std::collections::BTreeSet;

use placet_domain::{
    Digest, DirectoryGroup, DirectoryGroupId, DirectoryKey, DirectoryKeyId, DirectoryRecord, DirectoryUser,
    DirectoryUserId,
};

use crate::storage::{Backend, Storage, hard_object, minute, parse};

fn user(n: u8) -> DirectoryUser {
    let now = minute(i64::from(n));
    DirectoryUser {
        id: DirectoryUserId::new(now, [n; 10]),
        person: parse(&format!("person-{n}")),
        active: n.is_multiple_of(2),
        email: (n > 1).then(|| format!("p{n}@corp.example")),
        attributes: hard_object(),
        record: DirectoryRecord::new(now),
    }
}

fn group(n: u8, members: &[u8]) -> DirectoryGroup {
    let now = minute(i64::from(n));
    DirectoryGroup {
        id: DirectoryGroupId::new(now, [n; 10]),
        name: parse(&format!("group-{n}")),
        members: members.iter().map(|n| user(*n).id).collect(),
        attributes: hard_object(),
        record: DirectoryRecord::new(now),
    }
}

fn key(n: u8) -> DirectoryKey {
    let now = minute(i64::from(n));
    DirectoryKey {
        id: DirectoryKeyId::new(now, [n; 10]),
        hash: Digest::of(&[n]),
        note: "the \"company\"".to_owned(),
        by: parse("ana@example.com"),
        made: now,
        expires: minute(90),
        used: None,
    }
}

fn users(storage: &Storage) -> Vec<DirectoryUser> {
    storage.directory.users().iter().map(|user| DirectoryUser::clone(user)).collect()
}

fn groups(storage: &Storage) -> Vec<DirectoryGroup> {
    storage.directory.groups().iter().map(|group| DirectoryGroup::clone(group)).collect()
}

async fn filled(backend: &dyn Backend) -> Storage {
    let storage = backend.open().await;
    for n in [3, 1, 2] {
        storage.directory.put_user(user(n)).await.unwrap();
    }
    storage.directory.put_group(group(2, &[1, 2])).await.unwrap();
    storage.directory.put_group(group(1, &[1, 3])).await.unwrap();
    storage
}

pub(crate) async fn people_and_groups_are_listed_oldest_first_and_replaced_whole(backend: &dyn Backend) {
    let storage = filled(backend).await;
    assert_eq!(users(&storage), [user(1), user(2), user(3)]);
    assert_eq!(groups(&storage), [group(1, &[1, 3]), group(2, &[1, 2])]);
    let record = DirectoryRecord { removed: true, ..user(2).record.next(minute(9)).unrecorded() };
    let changed = DirectoryUser { person: parse("other"), email: None, active: false, record, ..user(2) };
    storage.directory.put_user(changed.clone()).await.unwrap();
    assert_eq!(storage.directory.user(changed.id).as_deref(), Some(&changed));
    let other = DirectoryGroup { name: parse("other"), ..group(2, &[2, 3]) };
    storage.directory.put_group(other.clone()).await.unwrap();
    assert_eq!(storage.directory.group(other.id).as_deref(), Some(&other));
    storage.directory.forget_group(other.id).await.unwrap();
    storage.directory.forget_group(other.id).await.unwrap();
    assert_eq!(groups(&storage), [group(1, &[1, 3])]);
}

pub(crate) async fn a_forgotten_person_is_in_no_group(backend: &dyn Backend) {
    let storage = filled(backend).await;
    storage.directory.forget_user(user(1).id).await.unwrap();
    storage.directory.forget_user(user(1).id).await.unwrap();
    assert_eq!(groups(&storage), [group(1, &[3]), group(2, &[2])]);
    drop(storage);
    let storage = backend.open().await;
    assert_eq!(users(&storage), [user(2), user(3)]);
    assert_eq!(groups(&storage), [group(1, &[3]), group(2, &[2])]);
}

pub(crate) async fn a_key_is_found_by_its_digest_until_it_is_removed(backend: &dyn Backend) {
    let storage = backend.open().await;
    storage.directory.add_key(key(1)).await.unwrap();
    storage.directory.add_key(key(2)).await.unwrap();
    storage.directory.use_key(key(1).id, minute(5)).await.unwrap();
    let used = DirectoryKey { used: Some(minute(5)), ..key(1) };
    assert_eq!(storage.directory.key(key(1).hash), Some(used.clone()));
    assert_eq!(storage.directory.keys(), [used, key(2)]);
    assert!(storage.directory.remove_key(key(1).id).await.unwrap());
    assert!(!storage.directory.remove_key(key(1).id).await.unwrap());
    assert_eq!((storage.directory.key(key(1).hash), storage.directory.keys()), (None, vec![key(2)]));
}

pub(crate) async fn a_restart_keeps_people_groups_and_keys(backend: &dyn Backend) {
    let storage = filled(backend).await;
    storage.directory.add_key(key(1)).await.unwrap();
    storage.directory.put_group(DirectoryGroup { members: BTreeSet::new(), ..group(1, &[]) }).await.unwrap();
    drop(storage);
    let storage = backend.open().await;
    assert_eq!(users(&storage), [user(1), user(2), user(3)]);
    assert_eq!(groups(&storage), [group(1, &[]), group(2, &[1, 2])]);
    assert_eq!(storage.directory.keys(), [key(1)]);
}
