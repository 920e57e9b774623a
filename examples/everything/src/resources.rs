//! Resources: a few fixed ones and one template.

use serde_json::{Value, json};

use crate::content::RED_PIXEL_PNG;
use crate::era::Era;
use crate::message::{Fault, RESOURCE_NOT_FOUND};

pub(crate) fn list() -> Value {
    json!([
        {
            "uri": STATIC_TEXT, "name": "static-text", "title": "Static text",
            "description": "A static text resource for testing", "mimeType": "text/plain",
        },
        {
            "uri": STATIC_BINARY, "name": "static-binary", "title": "Static binary",
            "description": "A static binary resource for testing", "mimeType": "image/png",
        },
        {
            "uri": WATCHED, "name": "watched-resource", "title": "Watched resource",
            "description": "A resource that announces updates", "mimeType": "text/plain",
        },
    ])
}

pub(crate) fn templates() -> Value {
    json!([{
        "uriTemplate": "test://template/{id}/data", "name": "template", "title": "Template",
        "description": "A resource template with one parameter", "mimeType": "application/json",
    }])
}

/// The contents of a resource; an unknown one is an error of the era, never an empty result (SEP-2164).
pub(crate) fn read(era: Era, uri: &str) -> Result<Value, Fault> {
    let content = match uri {
        STATIC_TEXT => json!({
            "uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource.",
        }),
        STATIC_BINARY => json!({ "uri": uri, "mimeType": "image/png", "blob": RED_PIXEL_PNG }),
        WATCHED => json!({ "uri": uri, "mimeType": "text/plain", "text": "This resource is watched." }),
        _ => match template_id(uri) {
            Some(id) => {
                let text = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
                json!({ "uri": uri, "mimeType": "application/json", "text": text.to_string() })
            }
            None => return Err(not_found(era, uri)),
        },
    };
    Ok(json!({ "contents": [content] }))
}

fn template_id(uri: &str) -> Option<&str> {
    uri.strip_prefix("test://template/")?
        .strip_suffix("/data")
        .filter(|id| !id.is_empty() && !id.contains('/'))
}

fn not_found(era: Era, uri: &str) -> Fault {
    let fault = match era {
        Era::Stateless => Fault::invalid_params("there is no such resource"),
        Era::Session => Fault::new(RESOURCE_NOT_FOUND, "there is no such resource"),
    };
    fault.with_data(json!({ "uri": uri }))
}

const STATIC_TEXT: &str = "test://static-text";
const STATIC_BINARY: &str = "test://static-binary";
const WATCHED: &str = "test://watched-resource";
