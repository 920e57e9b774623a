//! The closed table of what a client may ask, and in which era.
//! Taken from `ClientRequest` and `ClientNotification` of the MCP schemas in `spec/mcp`.

use placet_domain::{Json, Object, Operation, ToolName};

use crate::{Era, SessionVersion, WireError};

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// Something with an effect or a disclosure: judged.
    Act(Operation),
    /// `tools/list`: answered with the tools the caller may use.
    ListTools,
    /// Opens, tunes or describes the connection.
    Lifecycle(Lifecycle),
    /// Not in the table: refused.
    Unknown(String),
}

/// Requests about the connection itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// `server/discover` (2026-07-28).
    Discover,
    /// `initialize` (sessions).
    Initialize,
    /// `ping` (sessions).
    Ping,
    /// `logging/setLevel` (sessions).
    SetLogLevel,
}

/// What a client may tell without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NotificationMethod {
    /// `notifications/cancelled`.
    Cancelled,
    /// `notifications/initialized`.
    Initialized,
    /// `notifications/progress`.
    Progress,
    /// `notifications/roots/list_changed`.
    RootsListChanged,
    /// `notifications/tasks/status` (2025-11-25).
    TaskStatus,
    /// Not in the table: refused.
    Unknown(String),
}

impl Method {
    /// Looks the method up; `tools/call` needs the tool's name. The error is a sentence for the caller.
    pub(crate) fn of(name: &str, params: &Object) -> Result<Self, String> {
        Ok(match name {
            "tools/call" => Self::Act(Operation::Tool(tool_name(params)?)),
            "tools/list" => Self::ListTools,
            "initialize" => Self::Lifecycle(Lifecycle::Initialize),
            "ping" => Self::Lifecycle(Lifecycle::Ping),
            "logging/setLevel" => Self::Lifecycle(Lifecycle::SetLogLevel),
            "server/discover" => Self::Lifecycle(Lifecycle::Discover),
            other => match Operation::METHODS.iter().find(|operation| operation.method() == other) {
                Some(operation) => Self::Act(operation.clone()),
                None => Self::Unknown(other.to_owned()),
            },
        })
    }

    /// The method as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Act(operation) => operation.method(),
            Self::ListTools => "tools/list",
            Self::Lifecycle(Lifecycle::Discover) => "server/discover",
            Self::Lifecycle(Lifecycle::Initialize) => "initialize",
            Self::Lifecycle(Lifecycle::Ping) => "ping",
            Self::Lifecycle(Lifecycle::SetLogLevel) => "logging/setLevel",
            Self::Unknown(name) => name,
        }
    }

    /// Refuses a method that the era does not have.
    ///
    /// # Errors
    /// -32601, with HTTP 404 in the stateless era.
    pub fn admit(&self, era: Era) -> Result<(), WireError> {
        match self.exists_in(era) {
            true => Ok(()),
            false => Err(WireError::unknown_method(self.as_str(), era)),
        }
    }

    fn exists_in(&self, era: Era) -> bool {
        match self {
            Self::ListTools => true,
            Self::Lifecycle(Lifecycle::Discover) => era.is_stateless(),
            Self::Lifecycle(Lifecycle::Initialize | Lifecycle::Ping | Lifecycle::SetLogLevel) => {
                !era.is_stateless()
            }
            Self::Act(operation) => operation_exists_in(operation, era),
            Self::Unknown(_) => false,
        }
    }
}

fn operation_exists_in(operation: &Operation, era: Era) -> bool {
    let has_tasks = era != Era::Session(SessionVersion::V2025_06_18);
    match operation {
        Operation::Complete
        | Operation::GetPrompt
        | Operation::ListPrompts
        | Operation::ListResources
        | Operation::ListResourceTemplates
        | Operation::ReadResource
        | Operation::Tool(_) => true,
        Operation::Subscribe | Operation::Unsubscribe => !era.is_stateless(),
        Operation::Listen | Operation::TaskUpdate => era.is_stateless(),
        Operation::TaskCancel | Operation::TaskGet => has_tasks,
        Operation::TaskList | Operation::TaskResult => has_tasks && !era.is_stateless(),
    }
}

fn tool_name(params: &Object) -> Result<ToolName, String> {
    match params.member("name") {
        Some(Json::String(name)) => name
            .parse()
            .map_err(|_| format!("params.name {:?} is not the name of a tool", crate::lookalike::cut(name))),
        Some(other) => Err(format!("params.name is {}, not a string", other.kind())),
        None => Err("params.name is missing: name the tool to call".to_owned()),
    }
}

impl NotificationMethod {
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "notifications/cancelled" => Self::Cancelled,
            "notifications/initialized" => Self::Initialized,
            "notifications/progress" => Self::Progress,
            "notifications/roots/list_changed" => Self::RootsListChanged,
            "notifications/tasks/status" => Self::TaskStatus,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The method as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Cancelled => "notifications/cancelled",
            Self::Initialized => "notifications/initialized",
            Self::Progress => "notifications/progress",
            Self::RootsListChanged => "notifications/roots/list_changed",
            Self::TaskStatus => "notifications/tasks/status",
            Self::Unknown(name) => name,
        }
    }

    /// Refuses a notification that the era does not have.
    ///
    /// # Errors
    /// -32601, with HTTP 404 in the stateless era.
    pub fn admit(&self, era: Era) -> Result<(), WireError> {
        let exists = match self {
            // On stateless HTTP, closing the stream cancels; on stdio the notification does.
            Self::Cancelled => true,
            Self::Initialized | Self::Progress | Self::RootsListChanged => !era.is_stateless(),
            Self::TaskStatus => era == Era::Session(SessionVersion::V2025_11_25),
            Self::Unknown(_) => false,
        };
        if exists { Ok(()) } else { Err(WireError::unknown_method(self.as_str(), era)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Era = Era::Stateless;
    const MIDDLE: Era = Era::Session(SessionVersion::V2025_11_25);
    const OLD: Era = Era::Session(SessionVersion::V2025_06_18);

    #[test]
    fn each_method_exists_in_the_eras_whose_schema_names_it() {
        let table = [
            ("completion/complete", [true, true, true]),
            ("initialize", [false, true, true]),
            ("logging/setLevel", [false, true, true]),
            ("ping", [false, true, true]),
            ("prompts/get", [true, true, true]),
            ("prompts/list", [true, true, true]),
            ("resources/list", [true, true, true]),
            ("resources/read", [true, true, true]),
            ("resources/subscribe", [false, true, true]),
            ("resources/templates/list", [true, true, true]),
            ("resources/unsubscribe", [false, true, true]),
            ("server/discover", [true, false, false]),
            ("subscriptions/listen", [true, false, false]),
            ("tasks/cancel", [true, true, false]),
            ("tasks/get", [true, true, false]),
            ("tasks/list", [false, true, false]),
            ("tasks/result", [false, true, false]),
            ("tasks/update", [true, false, false]),
            ("tools/call", [true, true, true]),
            ("tools/list", [true, true, true]),
            ("Tools/Call", [false, false, false]),
            ("tools/call ", [false, false, false]),
            ("sampling/createMessage", [false, false, false]),
        ];
        for (name, expected) in table {
            let method = Method::of(name, &Object::new().with("name", "t")).unwrap();
            assert_eq!(method.as_str(), name);
            let found = [NEW, MIDDLE, OLD].map(|era| method.admit(era).is_ok());
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn an_unknown_method_is_404_only_where_404_does_not_mean_a_lost_session() {
        let method = Method::of("tools/destroy", &Object::new()).unwrap();
        let error = method.admit(NEW).unwrap_err();
        assert_eq!((error.code, error.http_status), (-32601, 404));
        let error = method.admit(MIDDLE).unwrap_err();
        assert_eq!((error.code, error.http_status), (-32601, 200));
    }

    #[test]
    fn notifications_are_a_closed_table_too() {
        assert!(NotificationMethod::of("notifications/initialized").admit(OLD).is_ok());
        assert!(NotificationMethod::of("notifications/initialized").admit(NEW).is_err());
        assert!(NotificationMethod::of("notifications/tasks/status").admit(OLD).is_err());
        assert!(NotificationMethod::of("notifications/message").admit(MIDDLE).is_err());
    }
}
