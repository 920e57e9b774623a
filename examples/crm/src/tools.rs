//! What clients are told about the tools: names, annotations and schemas. The order is fixed.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use schemars::{JsonSchema, SchemaGenerator};

use crate::arguments::{DealRef, Email, Nothing, UpdateDeal};
use crate::deal::Deal;

pub(crate) fn definitions() -> Vec<Tool> {
    vec![
        tool::<DealRef, Deal>("get_deal", "Get deal", "Read one deal.", read()),
        tool::<Nothing, DealList>("list_deals", "List deals", "List every deal.", read()),
        tool::<UpdateDeal, Deal>(
            "update_deal",
            "Update deal",
            "Change the fields of a deal that are given; the others keep their values.",
            write().destructive(false).idempotent(true).open_world(false),
        ),
        tool::<DealRef, Deletion>(
            "delete_deal",
            "Delete deal",
            "Delete a deal for good.",
            write().destructive(true).idempotent(true).open_world(false),
        ),
        tool::<Email, Dispatch>(
            "send_email",
            "Send e-mail",
            "Send an e-mail to one or more addresses.",
            write().destructive(false).idempotent(false).open_world(true),
        ),
    ]
}

// The shapes of structured results, for `outputSchema` alone.

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes a result; never built")]
struct DealList {
    deals: Vec<Deal>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes a result; never built")]
struct Deletion {
    deal_id: String,
    deleted: bool,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes a result; never built")]
struct Dispatch {
    message_id: String,
    recipients: u32,
}

fn read() -> ToolAnnotations {
    ToolAnnotations::new().read_only(true).open_world(false)
}

fn write() -> ToolAnnotations {
    ToolAnnotations::new().read_only(false)
}

fn tool<Input: JsonSchema, Output: JsonSchema>(
    name: &'static str,
    title: &str,
    description: &'static str,
    annotations: ToolAnnotations,
) -> Tool {
    Tool::new(name, description, schema::<Input>())
        .with_title(title)
        .with_raw_output_schema(schema::<Output>())
        .with_annotations(annotations)
}

fn schema<T: JsonSchema>() -> Arc<JsonObject> {
    let root = SchemaGenerator::default().into_root_schema_for::<T>();
    Arc::new(root.to_value().as_object().cloned().unwrap_or_default())
}
