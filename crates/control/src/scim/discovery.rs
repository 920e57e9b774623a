//! What a client can find out (RFC 7644 section 4): what is served, of which kinds, with which attributes.

use std::sync::Arc;

use axum::extract::{Path, State};
use placet_domain::{Json, Object};

use super::{
    BASE,
    answer::{Answered, ScimAnswer, ScimError},
    attribute::{Attribute, GROUP, Kind, Mutability, Shape, USER},
    page::{MOST, list},
};
use crate::Control;

const KINDS: [&Kind; 2] = [&USER, &GROUP];

pub(super) async fn configuration(State(control): State<Arc<Control>>) -> ScimAnswer {
    let supported = |supported: bool| Object::new().with("supported", supported);
    let most = i64::try_from(MOST).unwrap_or(i64::MAX);
    let bulk = supported(false).with("maxOperations", 0).with("maxPayloadSize", 0);
    let scheme = Object::new()
        .with("type", "oauthbearertoken")
        .with("name", "Token of the directory")
        .with("description", "A bearer token that an administrator makes with `placet scim token`")
        .with("primary", true);
    ScimAnswer::of(
        Object::new()
            .with("schemas", vec!["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"])
            .with("patch", supported(true))
            .with("bulk", bulk)
            .with("filter", supported(true).with("maxResults", most))
            .with("changePassword", supported(false))
            .with("sort", supported(false))
            .with("etag", supported(true))
            .with("authenticationSchemes", vec![scheme])
            .with("meta", meta(&control, "ServiceProviderConfig", "/ServiceProviderConfig".to_owned())),
    )
}

pub(super) async fn resource_types(State(control): State<Arc<Control>>) -> ScimAnswer {
    all(|kind| resource_type_of(&control, kind))
}

pub(super) async fn resource_type(State(control): State<Arc<Control>>, Path(id): Path<String>) -> Answered {
    let kind = KINDS.into_iter().find(|kind| kind.name == id);
    kind.map(|kind| ScimAnswer::of(resource_type_of(&control, kind)))
        .ok_or_else(|| ScimError::not_found("resource type of this name"))
}

pub(super) async fn schemas(State(control): State<Arc<Control>>) -> ScimAnswer {
    all(|kind| schema_of(&control, kind))
}

pub(super) async fn schema(State(control): State<Arc<Control>>, Path(id): Path<String>) -> Answered {
    let kind = KINDS.into_iter().find(|kind| kind.schema == id);
    kind.map(|kind| ScimAnswer::of(schema_of(&control, kind)))
        .ok_or_else(|| ScimError::not_found("schema of this address"))
}

fn all(shown: impl Fn(&Kind) -> Object) -> ScimAnswer {
    list(KINDS.len(), 1, KINDS.into_iter().map(shown).collect())
}

fn resource_type_of(control: &Control, kind: &Kind) -> Object {
    Object::new()
        .with("schemas", vec!["urn:ietf:params:scim:schemas:core:2.0:ResourceType"])
        .with("id", kind.name)
        .with("name", kind.name)
        .with("description", kind.about)
        .with("endpoint", kind.endpoint)
        .with("schema", kind.schema)
        .with("meta", meta(control, "ResourceType", format!("/ResourceTypes/{}", kind.name)))
}

fn schema_of(control: &Control, kind: &Kind) -> Object {
    let attributes: Vec<Object> = kind.attributes.iter().filter(|one| one.listed).map(attribute).collect();
    Object::new()
        .with("schemas", vec!["urn:ietf:params:scim:schemas:core:2.0:Schema"])
        .with("id", kind.schema)
        .with("name", kind.name)
        .with("description", kind.about)
        .with("attributes", attributes)
        .with("meta", meta(control, "Schema", format!("/Schemas/{}", kind.schema)))
}

fn attribute(attribute: &Attribute) -> Object {
    let shape = match attribute.shape {
        Shape::Complex(_) => "complex",
        Shape::Reference(_) => "reference",
        Shape::Text => "string",
        Shape::Truth => "boolean",
    };
    let mut shown = Object::new()
        .with("name", attribute.name)
        .with("type", shape)
        .with("multiValued", attribute.many)
        .with("description", attribute.about)
        .with("required", attribute.required)
        .with("caseExact", attribute.exact || matches!(attribute.shape, Shape::Reference(_)))
        .with(
            "mutability",
            match attribute.mutability {
                Mutability::Immutable => "immutable",
                Mutability::ReadOnly => "readOnly",
                Mutability::ReadWrite => "readWrite",
            },
        )
        .with("returned", "default")
        .with("uniqueness", if attribute.unique { "server" } else { "none" });
    if let Shape::Reference(kinds) = attribute.shape {
        shown.set("referenceTypes", kinds.to_vec());
    }
    if !attribute.parts().is_empty() {
        shown.set("subAttributes", attribute.parts().iter().map(self::attribute).collect::<Vec<Object>>());
    }
    shown
}

fn meta(control: &Control, kind: &str, path: String) -> Json {
    let origin = control.web.as_ref().map(|web| web.origin.as_str()).unwrap_or_default();
    Object::new().with("resourceType", kind).with("location", format!("{origin}{BASE}{path}")).into()
}
