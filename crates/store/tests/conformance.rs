//! The contracts of the storage ports, as tests any implementation can run.
//! The tests are functions of a [`storage::Backend`]; an implementation is one module at the end of this file.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is tests")]

#[path = "conformance/accounts.rs"]
mod accounts;
#[path = "conformance/approvals.rs"]
mod approvals;
#[path = "conformance/credentials.rs"]
mod credentials;
#[path = "conformance/directory.rs"]
mod directory;
#[path = "conformance/grants.rs"]
mod grants;
#[path = "conformance/halts.rs"]
mod halts;
#[path = "conformance/mandates.rs"]
mod mandates;
#[path = "conformance/pins.rs"]
mod pins;
#[path = "conformance/races.rs"]
mod races;
#[path = "conformance/registry.rs"]
mod registry;
#[path = "conformance/revisions.rs"]
mod revisions;
#[path = "conformance/storage.rs"]
mod storage;

/// Makes a test of every sentence of the contracts, for one backend.
macro_rules! conforms {
    ($backend:expr) => {
        conforms! { $backend;
            accounts:
                a_key_is_found_by_its_kind_and_digest_alone,
                an_account_reads_back_after_a_restart_as_it_was_kept,
                an_ended_key_is_not_taken,
                keys_end_one_by_one_by_person_and_by_time,
                of_sixty_four_who_take_a_key_one_gets_it,
                with_an_account_its_keys_are_removed;
            credentials:
                a_code_is_good_until_it_ends_and_for_itself_alone,
                a_removed_credential_is_seen_by_no_later_read,
                a_restart_keeps_credentials_and_codes,
                credentials_are_found_at_once_and_oldest_first,
                of_sixty_four_racing_uses_of_a_code_one_wins;
            directory:
                a_forgotten_person_is_in_no_group,
                a_key_is_found_by_its_digest_until_it_is_removed,
                a_restart_keeps_people_groups_and_keys,
                people_and_groups_are_listed_oldest_first_and_replaced_whole;
            registry:
                agents_are_listed_by_name,
                an_unregistered_agent_is_not_changed,
                a_change_is_seen_by_every_later_read,
                a_name_is_taken_once,
                a_registered_agent_is_found_at_once,
                a_restart_keeps_changes,
                a_restart_keeps_every_agent;
            grants:
                a_grant_is_seen_by_every_later_read_and_replaces_itself,
                a_restart_keeps_grants_as_they_were_and_forgets_the_removed,
                nothing_is_granted_at_first;
            halts:
                a_halt_is_seen_by_every_later_read,
                a_halt_replaces_the_one_of_its_target,
                a_lifted_halt_is_gone_and_lifting_nothing_is_false,
                a_restart_keeps_halts_and_lifts,
                nothing_is_stopped_at_first;
            mandates:
                an_id_is_started_once,
                a_restart_keeps_mandates_and_revocations,
                a_revocation_is_seen_by_every_later_read,
                a_started_instance_is_found_at_once,
                instances_are_listed_newest_first,
                racing_revocations_agree_on_one_time,
                revoking_nobody_is_false,
                the_first_revocation_stays;
            pins:
                a_connector_has_no_pins_before_first_sight,
                a_refused_pinning_changes_nothing,
                a_restart_keeps_pins,
                pinning_replaces_the_tools_of_one_connector_only,
                pins_read_back_as_they_were_written;
            revisions:
                a_candidate_replaces_the_one_of_its_kind,
                a_document_is_found_by_its_digest_and_stays,
                a_restart_keeps_documents_history_and_candidates,
                activations_are_numbered_and_listed_newest_first,
                only_the_newest_activation_is_taken_back;
            approvals:
                an_agent_may_have_so_many_open_questions_and_no_more,
                an_answered_question_is_not_answered_again,
                an_expired_approval_is_not_used,
                an_expired_question_is_not_answered,
                an_expired_question_makes_room_for_a_new_one,
                approval_sets_until_when_it_may_be_used_and_denial_does_not,
                a_question_reads_back_as_it_was_asked,
                a_restart_keeps_questions_answers_and_uses,
                only_an_approved_question_is_used_and_only_once,
                questions_are_listed_newest_first,
                the_newest_question_about_a_call_is_found,
                the_same_open_question_is_asked_once;
            races:
                of_racing_answers_one_wins,
                of_racing_askers_for_the_last_places_none_gets_one_too_many,
                of_racing_equal_questions_one_is_opened,
                of_racing_registrations_of_a_name_one_wins,
                of_sixty_four_racing_uses_one_wins;
        }
    };
    ($backend:expr; $($area:ident: $($sentence:ident),+;)+) => {$(
        mod $area {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $sentence() {
                crate::$area::$sentence(&$backend).await;
            })+
        }
    )+};
}

/// The ports that the engine's tests run on keep the same contracts.
mod memory {
    use std::sync::Arc;

    use async_trait::async_trait;
    use placet_testkit::{
        MemoryAccounts, MemoryApprovals, MemoryCredentials, MemoryDirectory, MemoryGrants, MemoryHalts,
        MemoryMandates, MemoryPins, MemoryRegistry, MemoryRevisions,
    };

    use crate::storage::{Backend, Storage};

    conforms!(super::Memory::default());

    /// A restart finds what memory holds.
    #[derive(Default)]
    struct Memory {
        registry: Arc<MemoryRegistry>,
        mandates: Arc<MemoryMandates>,
        credentials: Arc<MemoryCredentials>,
        directory: Arc<MemoryDirectory>,
        grants: Arc<MemoryGrants>,
        halts: Arc<MemoryHalts>,
        pins: Arc<MemoryPins>,
        approvals: Arc<MemoryApprovals>,
        accounts: Arc<MemoryAccounts>,
        revisions: Arc<MemoryRevisions>,
    }

    #[async_trait]
    impl Backend for Memory {
        async fn open(&self) -> Storage {
            Storage {
                registry: self.registry.clone(),
                mandates: self.mandates.clone(),
                credentials: self.credentials.clone(),
                directory: self.directory.clone(),
                grants: self.grants.clone(),
                halts: self.halts.clone(),
                pins: self.pins.clone(),
                approvals: self.approvals.clone(),
                accounts: self.accounts.clone(),
                revisions: self.revisions.clone(),
            }
        }
    }
}

mod sqlite {
    use async_trait::async_trait;
    use placet_store::SqliteStore;

    use crate::storage::{Backend, Storage};

    conforms!(super::Sqlite::new());

    struct Sqlite {
        folder: tempfile::TempDir,
    }

    impl Sqlite {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }
    }

    #[async_trait]
    impl Backend for Sqlite {
        async fn open(&self) -> Storage {
            let store = SqliteStore::open(&self.folder.path().join("placet.db")).await.unwrap();
            Storage {
                registry: store.registry(),
                mandates: store.mandates(),
                credentials: store.credentials(),
                directory: store.directory(),
                grants: store.grants(),
                halts: store.halts(),
                pins: store.pins(),
                approvals: store.approvals(),
                accounts: store.accounts(),
                revisions: store.revisions(),
            }
        }
    }
}
