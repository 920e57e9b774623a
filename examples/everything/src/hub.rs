//! Where changes are announced, and who hears of them: `subscriptions/listen` streams and sessions.

use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::message::{Fault, Object, notification};

/// Something that clients may have asked to be told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    Tools,
    Prompts,
    Resources,
    Resource(String),
}

impl Change {
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
            Self::Resource(_) => "notifications/resources/updated",
        }
    }

    pub(crate) fn params(&self) -> Value {
        match self {
            Self::Tools | Self::Prompts | Self::Resources => json!({}),
            Self::Resource(uri) => json!({ "uri": uri }),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Hub {
    changes: broadcast::Sender<Change>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { changes: broadcast::channel(BACKLOG).0 }
    }

    pub(crate) fn announce(&self, change: Change) {
        // An error only says that nobody listens.
        let _ = self.changes.send(change);
    }

    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

/// The notifications that one `subscriptions/listen` request opted in to.
#[derive(Debug)]
pub(crate) struct Filter {
    tools: bool,
    prompts: bool,
    resources: bool,
    uris: Vec<String>,
}

impl Filter {
    pub(crate) fn parse(params: &Object) -> Result<Self, Fault> {
        let Some(Value::Object(wanted)) = params.get("notifications") else {
            return Err(Fault::invalid_params("`notifications` is missing"));
        };
        let wants = |key: &str| wanted.get(key) == Some(&Value::Bool(true));
        let uris = wanted.get("resourceSubscriptions").and_then(Value::as_array).into_iter().flatten();
        Ok(Self {
            tools: wants("toolsListChanged"),
            prompts: wants("promptsListChanged"),
            resources: wants("resourcesListChanged"),
            uris: uris.filter_map(Value::as_str).map(Into::into).collect(),
        })
    }

    pub(crate) fn admits(&self, change: &Change) -> bool {
        match change {
            Change::Tools => self.tools,
            Change::Prompts => self.prompts,
            Change::Resources => self.resources,
            Change::Resource(uri) => self.uris.contains(uri),
        }
    }

    /// The first message of the stream: what will be sent on it.
    pub(crate) fn acknowledgement(&self, subscription: &Value) -> Value {
        let mut honoured = Object::new();
        for (key, on) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            if on {
                honoured.insert(key.into(), true.into());
            }
        }
        if !self.uris.is_empty() {
            honoured.insert("resourceSubscriptions".into(), json!(self.uris));
        }
        tagged("notifications/subscriptions/acknowledged", json!({ "notifications": honoured }), subscription)
    }
}

/// A notification that names the subscription it is delivered on.
pub(crate) fn tagged(method: &str, mut params: Value, subscription: &Value) -> Value {
    if let Some(members) = params.as_object_mut() {
        members.insert("_meta".into(), json!({ SUBSCRIPTION: subscription }));
    }
    notification(method, &params)
}

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
/// A listener that falls further behind than this loses the oldest changes.
const BACKLOG: usize = 64;
