//! Tool arguments, parsed once into one closed enum. A call that does not parse is not executed.
//! The JSON Schemas that clients see are derived from the same types.

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::deal::Stage;

/// One call, ready to run.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    ReadDeal(DealRef),
    ListDeals,
    UpdateDeal(UpdateDeal),
    DeleteDeal(DealRef),
    SendEmail(Email),
}

impl Call {
    /// Parses a tool name with its arguments.
    ///
    /// # Errors
    /// An unknown tool, or arguments that do not fit the tool's schema.
    pub fn parse(tool: &str, arguments: &JsonObject) -> Result<Self, CallError> {
        match tool {
            "get_deal" => typed(arguments).map(Self::ReadDeal),
            "list_deals" => typed::<Nothing>(arguments).map(|Nothing {}| Self::ListDeals),
            "update_deal" => typed(arguments).map(Self::UpdateDeal),
            "delete_deal" => typed(arguments).map(Self::DeleteDeal),
            "send_email" => typed(arguments).map(Self::SendEmail),
            unknown => Err(CallError::UnknownTool(unknown.into())),
        }
    }
}

/// Names one deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DealRef {
    /// The deal's number, such as "789".
    pub deal_id: String,
}

/// No arguments at all.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// A partial update: a field that is absent keeps its value. `null` is not a value here.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateDeal {
    /// The deal's number, such as "789".
    pub deal_id: String,
    /// The stage to move the deal to.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Stage")]
    pub stage: Option<Stage>,
    /// Whole dollars.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub amount: Option<i64>,
    /// Free text; replaces the notes there are.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub notes: Option<String>,
    /// A fraction: 0.1 is ten per cent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub discount_rate: Option<f64>,
    /// Where the customer's invoices go.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "email"))]
    pub billing_contact_email: Option<String>,
    /// The day the deal is expected to close, YYYY-MM-DD.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date"))]
    pub close_date: Option<String>,
    /// The legal terms that apply.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub legal_terms: Option<String>,
}

/// An e-mail to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// The recipients' addresses, at least one.
    #[schemars(length(min = 1))]
    pub to: Vec<String>,
    pub subject: String,
    pub body: String,
}

/// Why a call was not executed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("there is no tool `{0}`")]
    UnknownTool(String),
    #[error("the arguments do not fit the tool: {0}")]
    Arguments(String),
}

fn typed<T: DeserializeOwned>(arguments: &JsonObject) -> Result<T, CallError> {
    serde_json::from_value(serde_json::Value::Object(arguments.clone()))
        .map_err(|error| CallError::Arguments(error.to_string()))
}

/// With `serde(default)` an absent key is `None`; a key that is there must hold a `T`.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
