//! Every bound of the data path, in one place.
//! Configurable ones are defaults here and may be changed in `placet.toml`.

use std::time::Duration;

/// Largest accepted request body, bytes. Configurable.
pub const BODY_BYTES: usize = 4 * 1024 * 1024;
/// Largest accepted reply of a tool, bytes.
pub const REPLY_BYTES: usize = 16 * 1024 * 1024;
/// Deepest accepted nesting of arrays and objects.
pub const JSON_DEPTH: usize = 64;
/// Largest integer that every JSON implementation keeps exactly (RFC 7493 section 2.2).
pub const JSON_INTEGER: i64 = (1 << 53) - 1;
/// Largest accepted credential, bytes.
pub const TOKEN_BYTES: usize = 8 * 1024;
/// Longest life of an instance credential.
pub const INSTANCE_LIFE: Duration = Duration::from_secs(60 * 60);
/// Life of an instance credential when none is asked for.
pub const INSTANCE_LIFE_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// Runs in a chain in which each started the next.
pub const INSTANCE_DEPTH: usize = 3;
/// How long an approval waits for an answer when the gate names no `@timeout`.
pub const APPROVAL_WAIT: Duration = Duration::from_secs(4 * 60 * 60);
/// How long an approved call may be retried.
pub const APPROVAL_USE: Duration = Duration::from_secs(15 * 60);
/// Open approvals one agent may have waiting.
pub const APPROVALS_PENDING: usize = 20;
/// Questions that an enforcement point may ask at once.
pub const EVALUATIONS: usize = 256;
/// Names that one page of a search of the decision API holds.
pub const SEARCH: usize = 1_000;
/// How long a tool may take to answer.
pub const TOOL_DEADLINE: Duration = Duration::from_secs(5 * 60);
/// How long a resolver may take to fetch the facts of a resource.
pub const FACT_DEADLINE: Duration = Duration::from_secs(5);
/// Sessions one instance may hold open.
pub const SESSIONS_PER_INSTANCE: usize = 512;
/// Longest free text an agent or an operator may attach (purpose, rationale), characters.
pub const TEXT_CHARS: usize = 2_000;
/// Frames from a tool that may wait for a slow client before the call is cut.
pub const RELAY_FRAMES: usize = 256;
/// How often an agent is certified when neither its charter nor `placet.toml` says otherwise: a quarter.
pub const CERTIFY_EVERY: Duration = days(90);
/// Longest period a certification may hold.
pub const CERTIFY_EVERY_MOST: Duration = days(366);
/// How long a due certification may wait before the countdown begins.
pub const CERTIFY_GRACE: Duration = days(14);
/// From the alert (certification missed, owner gone) to read-only.
pub const COUNTDOWN: Duration = days(30);
/// From read-only to switched off.
pub const RESTRICTED: Duration = days(7);
/// From switched off to retired.
pub const SUSPENDED: Duration = days(30);
/// How long a proposal waits for its approvers.
pub const PROPOSAL: Duration = days(30);
/// Days before the next step of the life-cycle at which people are reminded.
pub const REMIND_DAYS: [u32; 4] = [30, 14, 7, 1];
/// Largest charter, bytes of its written form: two of them and what changed between them fit into a receipt.
pub const CHARTER_BYTES: usize = 8 * 1024;
/// Tools and connectors one agent may want.
pub const WANTS: usize = 256;
/// Task kinds one agent may declare.
pub const TASK_KINDS: usize = 64;
/// Ways in which one agent may prove itself.
pub const CREDENTIALS_PER_AGENT: usize = 16;
/// How long a code for enrolling a key may be used.
pub const ENROLMENT: Duration = Duration::from_secs(10 * 60);
/// People whom the company's directory may hold.
pub const DIRECTORY_USERS: usize = 50_000;
/// Groups that the company's directory may hold.
pub const DIRECTORY_GROUPS: usize = 5_000;
/// Largest body of a request to the directory, bytes: a group with all its members.
pub const DIRECTORY_BYTES: usize = 4 * 1024 * 1024;
/// Longest life of a key with which the directory is kept.
pub const DIRECTORY_KEY_LIFE: Duration = days(366);
/// Largest body of a request to the token endpoints, bytes.
pub const FORM_BYTES: usize = 64 * 1024;
/// Labels that one configuration may name.
pub const LABELS: usize = 32;
/// Histories that one configuration may name.
pub const HISTORIES: usize = 64;
/// Calls that a history with a window counts to; more are not told apart.
pub const HISTORY_CALLS: usize = 1_000;
/// Places in the answers of tools that are remembered for one run and all that it started; beyond them everything that
/// is not in the mandate or the directory counts as untrusted.
pub const FLOW_MARKS: usize = 1 << 17;
/// The same for all runs together: sixteen bytes each.
pub const FLOW_MARKS_ALL: usize = 1 << 23;
/// Largest answer of a tool whose values are followed, bytes.
pub const FLOW_ANSWER_BYTES: usize = 1 << 20;
/// Values of one call's arguments whose source is told; the others count as untrusted.
pub const FLOW_VALUES: usize = 1_024;
/// How long an agent's habits are remembered when `[risk]` does not say.
pub const HABITS_LIFE: Duration = days(30);
/// How long they may be remembered at most: a start reads the log that far back.
pub const HABITS_LIFE_MOST: Duration = days(90);
/// Habits of one agent that are remembered; what does not fit is new each time.
pub const HABITS: usize = 4_096;
/// Destinations of one call that are told apart; those beyond are new.
pub const DESTINATIONS: usize = 16;
/// Depth to which the names of arguments make their shape.
pub const SHAPE_DEPTH: usize = 6;
/// Anomaly hooks that one configuration may name.
pub const ANOMALY_HOOKS: usize = 8;

/// How long a request for a grant waits for its answer.
pub const GRANT_WAIT: Duration = Duration::from_secs(4 * 60 * 60);
/// Requests for grants one agent may have waiting.
pub const GRANTS_PENDING: usize = 20;
/// Grants of one agent that hold, or have ended within a day.
pub const GRANTS_HELD: usize = 1_000;
/// How long a grant that is over is still listed. Its receipts stay.
pub const GRANT_KEPT: Duration = days(30);
/// Tools of one grant.
pub const GRANT_TOOLS: usize = 32;
/// Longest sliding window of a limit.
pub const WINDOW: Duration = days(366);
/// Counters that are kept at the same time, over all limits. A call that needs one more is refused.
pub const COUNTERS: usize = 1_000_000;
/// Counters that one call may charge.
pub const CHARGES_OF_A_CALL: usize = 64;
/// Charges that one sliding counter keeps apart; beyond that, neighbours count as long as the later of them.
pub const CHARGES_OF_A_COUNTER: usize = 1_024;

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}
