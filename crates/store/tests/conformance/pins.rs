//! Sentences of `Pins`.

use placet_domain::{Json, Object, ToolDefinition};
use placet_engine::ports::PinnedTool;

use crate::storage::{Backend, hard_json, parse};

fn definition(name: &str, description: &str) -> ToolDefinition {
    let definition = Object::new()
        .with("name", name)
        .with("description", description)
        .with("inputSchema", Object::new().with("default", hard_json()));
    ToolDefinition { name: parse(name), definition: Json::Object(definition) }
}

/// One tool accepted, one in quarantine, one that appeared after first sight.
fn tools() -> Vec<PinnedTool> {
    let accepted = |name| Some(definition(name, "as accepted"));
    let seen = |name| Some(definition(name, "as seen today"));
    vec![
        PinnedTool { accepted: accepted("update_deal"), seen: None },
        PinnedTool { accepted: accepted("get_deal"), seen: seen("get_deal") },
        PinnedTool { accepted: None, seen: seen("delete_everything") },
    ]
}

pub(crate) async fn a_connector_has_no_pins_before_first_sight(backend: &dyn Backend) {
    let pins = backend.open().await.pins;
    assert_eq!(pins.pinned(&parse("crm")).await.unwrap(), []);
}

pub(crate) async fn pins_read_back_as_they_were_written(backend: &dyn Backend) {
    let pins = backend.open().await.pins;
    pins.pin(&parse("crm"), tools()).await.unwrap();
    let read = pins.pinned(&parse("crm")).await.unwrap();
    assert_eq!(read, tools());
    let digests = |tools: &[PinnedTool]| tools.iter().map(PinnedTool::pin).collect::<Vec<_>>();
    assert_eq!(digests(&read), digests(&tools()));
}

pub(crate) async fn pinning_replaces_the_tools_of_one_connector_only(backend: &dyn Backend) {
    let pins = backend.open().await.pins;
    pins.pin(&parse("crm"), tools()).await.unwrap();
    pins.pin(&parse("mail"), tools()).await.unwrap();
    let fewer = tools().split_off(2);
    pins.pin(&parse("crm"), fewer.clone()).await.unwrap();
    assert_eq!(pins.pinned(&parse("crm")).await.unwrap(), fewer);
    assert_eq!(pins.pinned(&parse("mail")).await.unwrap(), tools());
}

pub(crate) async fn a_refused_pinning_changes_nothing(backend: &dyn Backend) {
    let pins = backend.open().await.pins;
    pins.pin(&parse("crm"), tools()).await.unwrap();
    let twice = [tools().split_off(1), tools().split_off(1)].concat();
    assert!(pins.pin(&parse("crm"), twice).await.is_err());
    let nameless = vec![PinnedTool { accepted: None, seen: None }];
    assert!(pins.pin(&parse("crm"), nameless).await.is_err());
    assert_eq!(pins.pinned(&parse("crm")).await.unwrap(), tools());
}

pub(crate) async fn a_restart_keeps_pins(backend: &dyn Backend) {
    let before = backend.open().await;
    before.pins.pin(&parse("crm"), tools()).await.unwrap();
    drop(before);
    assert_eq!(backend.open().await.pins.pinned(&parse("crm")).await.unwrap(), tools());
}
