//! Tools that answer at once, without asking or telling anybody anything.

use serde_json::{Value, json};

use crate::message::Fault;
use crate::tools::{Call, failure, text};

pub(crate) fn answer(call: &Call) -> Result<Value, Fault> {
    Ok(match call.name.as_str() {
        "test_simple_text" => text("This is a simple text response for testing."),
        "test_image_content" => json!({ "content": [image()] }),
        "test_audio_content" => json!({
            "content": [{ "type": "audio", "data": SILENT_WAV, "mimeType": "audio/wav" }],
        }),
        "test_embedded_resource" => json!({ "content": [{
            "type": "resource",
            "resource": {
                "uri": "test://embedded-resource",
                "mimeType": "text/plain",
                "text": "This is an embedded resource content.",
            },
        }] }),
        "test_multiple_content_types" => json!({ "content": [
            { "type": "text", "text": "Multiple content types test:" },
            image(),
            {
                "type": "resource",
                "resource": {
                    "uri": "test://mixed-content-resource",
                    "mimeType": "application/json",
                    "text": r#"{"test":"data","value":123}"#,
                },
            },
        ] }),
        "test_error_handling" => failure("This tool intentionally returns an error for testing"),
        "greet" => text(format!("Hello, {}!", call.text("name"))),
        "test_mirrored_headers" | "json_schema_2020_12_tool" => {
            let arguments = Value::Object(call.arguments.clone());
            json!({
                "content": [{ "type": "text", "text": arguments.to_string() }],
                "structuredContent": arguments,
            })
        }
        unknown => return Err(Fault::invalid_params(format!("there is no tool `{unknown}`"))),
    })
}

pub(crate) fn image() -> Value {
    json!({ "type": "image", "data": RED_PIXEL_PNG, "mimeType": "image/png" })
}

/// One red pixel.
pub(crate) const RED_PIXEL_PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
/// A WAV header and one silent sample: 8 kHz, 8 bits, one channel.
const SILENT_WAV: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQEAAACAAA==";
