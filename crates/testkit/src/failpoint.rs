//! Failures that tests switch on, one for each operation of a port.

use std::collections::HashMap;

use parking_lot::Mutex;
use placet_engine::ports::StoreError;

/// An operation of a port that can fail. Reads from memory (`agent`, `instance`, `person`) cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortOperation {
    /// `Approvals::all`.
    ApprovalsAll,
    /// `Approvals::answer`.
    ApprovalsAnswer,
    /// `Approvals::approval`.
    ApprovalsApproval,
    /// `Approvals::ask`.
    ApprovalsAsk,
    /// `Approvals::claim`.
    ApprovalsClaim,
    /// `Approvals::of_call`.
    ApprovalsOfCall,
    /// `Connectors::facts`.
    ConnectorsFacts,
    /// `Connectors::pass`.
    ConnectorsPass,
    /// `Connectors::perform`.
    ConnectorsPerform,
    /// `Connectors::tools`.
    ConnectorsTools,
    /// `Credentials::add`.
    CredentialsAdd,
    /// `Credentials::open_enrolment`.
    CredentialsOpenEnrolment,
    /// `Credentials::redeem`.
    CredentialsRedeem,
    /// `Credentials::remove`.
    CredentialsRemove,
    /// `Grants::put`.
    GrantsPut,
    /// `Grants::remove`.
    GrantsRemove,
    /// `Halts::lift`.
    HaltsLift,
    /// `Halts::put`.
    HaltsPut,
    /// `Ledger::append`; `Ledger::health` follows it.
    LedgerAppend,
    /// `Ledger::scan`.
    LedgerScan,
    /// `Mandates::revoke`.
    MandatesRevoke,
    /// `Mandates::start`.
    MandatesStart,
    /// `Pins::pin`.
    PinsPin,
    /// `Pins::pinned`.
    PinsPinned,
    /// `Registry::register`.
    RegistryRegister,
    /// `Registry::update`.
    RegistryUpdate,
}

impl PortOperation {
    /// Every one, for tests that fail each in turn.
    pub const ALL: [Self; 26] = [
        Self::ApprovalsAll,
        Self::ApprovalsAnswer,
        Self::ApprovalsApproval,
        Self::ApprovalsAsk,
        Self::ApprovalsClaim,
        Self::ApprovalsOfCall,
        Self::ConnectorsFacts,
        Self::ConnectorsPass,
        Self::ConnectorsPerform,
        Self::ConnectorsTools,
        Self::CredentialsAdd,
        Self::CredentialsOpenEnrolment,
        Self::CredentialsRedeem,
        Self::CredentialsRemove,
        Self::GrantsPut,
        Self::GrantsRemove,
        Self::HaltsLift,
        Self::HaltsPut,
        Self::LedgerAppend,
        Self::LedgerScan,
        Self::MandatesRevoke,
        Self::MandatesStart,
        Self::PinsPin,
        Self::PinsPinned,
        Self::RegistryRegister,
        Self::RegistryUpdate,
    ];
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It is done and reported as failed.
    After,
    /// It is not done.
    Before,
    /// It is not done, and the caller never hears of it. A synchronous operation fails as with `Before`.
    Hang,
}

impl Failure {
    /// Every one, for tests that fail each way in turn.
    pub const ALL: [Self; 3] = [Self::After, Self::Before, Self::Hang];
}

/// The failures that are switched on. Shared by all ports of a world.
#[derive(Debug, Default)]
pub struct Failpoints(Mutex<HashMap<PortOperation, Armed>>);

#[derive(Debug, Clone, Copy)]
struct Armed {
    failure: Failure,
    /// Calls that still succeed.
    after: u32,
    /// Calls that fail then; `None` for all of them.
    times: Option<u32>,
}

impl Failpoints {
    /// Fails the operation before it is done, from now on.
    pub fn fail_before(&self, operation: PortOperation) {
        self.fail(operation, Failure::Before);
    }

    /// Does the operation and reports it as failed, from now on.
    pub fn fail_after(&self, operation: PortOperation) {
        self.fail(operation, Failure::After);
    }

    /// Never answers, from now on.
    pub fn hang(&self, operation: PortOperation) {
        self.fail(operation, Failure::Hang);
    }

    /// Fails the operation in this way, from now on.
    pub fn fail(&self, operation: PortOperation, failure: Failure) {
        self.0.lock().insert(operation, Armed { failure, after: 0, times: None });
    }

    /// Lets so many calls succeed and fails the one after them, once.
    pub fn fail_nth(&self, operation: PortOperation, after: u32, failure: Failure) {
        self.0.lock().insert(operation, Armed { failure, after, times: Some(1) });
    }

    /// Ends all failing.
    pub fn heal(&self) {
        self.0.lock().clear();
    }

    /// How the operation fails now, without counting.
    #[must_use]
    pub fn armed(&self, operation: PortOperation) -> Option<Failure> {
        self.0.lock().get(&operation).filter(|armed| armed.after == 0).map(|armed| armed.failure)
    }

    /// How this call of the operation fails.
    pub(crate) fn strike(&self, operation: PortOperation) -> Option<Failure> {
        let mut all = self.0.lock();
        let armed = all.get_mut(&operation)?;
        if armed.after > 0 {
            armed.after -= 1;
            return None;
        }
        let failure = armed.failure;
        if let Some(times) = &mut armed.times {
            *times -= 1;
            if *times == 0 {
                all.remove(&operation);
            }
        }
        Some(failure)
    }

    /// Does `work` unless this call fails.
    pub(crate) async fn pass<T, E>(
        &self,
        operation: PortOperation,
        error: impl Fn(PortOperation) -> E,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match self.strike(operation) {
            None => work(),
            Some(Failure::After) => work().and(Err(error(operation))),
            Some(Failure::Before) => Err(error(operation)),
            Some(Failure::Hang) => std::future::pending().await,
        }
    }
}

/// What a storage port says when it is told to fail.
pub(crate) fn store_error(operation: PortOperation) -> StoreError {
    StoreError { operation: format!("{operation:?} was told to fail"), cause: None }
}
