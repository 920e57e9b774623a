//! `/scim/v2`: the company's identity provider keeps people and groups here (RFC 7643, RFC 7644). Its own door on the
//! listener: a token of the directory opens it and nothing else. What follows from a change is `placet_engine`'s.

mod answer;
mod attribute;
mod discovery;
mod document;
mod door;
mod everything;
mod filter;
mod groups;
mod page;
mod patch;
mod path;
mod resource;
pub(crate) mod tokens;
mod users;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{MethodFilter, get, on, post},
};
use placet_domain::{DirectoryGroup, DirectoryUser, limits};

use crate::Control;

/// Below which path it is.
pub(crate) const BASE: &str = "/scim/v2";

/// The routes behind their door.
pub(crate) fn router(control: Arc<Control>) -> Router<Arc<Control>> {
    Router::new()
        .merge(resource::router::<DirectoryUser>())
        .merge(resource::router::<DirectoryGroup>())
        .route("/", get(everything::list))
        .route("/.search", post(everything::search))
        .route("/ServiceProviderConfig", on(MethodFilter::GET, discovery::configuration))
        .route("/ResourceTypes", on(MethodFilter::GET, discovery::resource_types))
        .route("/ResourceTypes/{id}", on(MethodFilter::GET, discovery::resource_type))
        .route("/Schemas", on(MethodFilter::GET, discovery::schemas))
        .route("/Schemas/{id}", on(MethodFilter::GET, discovery::schema))
        .fallback(door::nowhere)
        .method_not_allowed_fallback(door::other_method)
        .layer(DefaultBodyLimit::max(limits::DIRECTORY_BYTES))
        .layer(from_fn_with_state(control, door::admit))
}
