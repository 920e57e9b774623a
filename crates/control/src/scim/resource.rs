//! What is done with a resource of either kind: found, shown, made, changed, removed (RFC 7644 sections 3.3 to 3.6). In
//! what people and groups differ is said beside [`Resource`], in `users.rs` and `groups.rs`.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use placet_domain::{DirectoryKeyId, DirectoryRecord, Object};
use placet_engine::DirectoryError;

use super::{
    BASE,
    answer::{Answered, ScimAnswer, ScimError, tag},
    attribute::Kind,
    document,
    door::Key,
    filter::Filter,
    page::{self, Query},
    patch,
};
use crate::Control;

/// How often a change is made anew because another one came between.
const TRIES: usize = 5;

/// A kind of resource, as the directory keeps it.
pub(super) trait Resource: Sized + Send + Sync + 'static {
    const KIND: &'static Kind;
    /// What the directory is asked to keep.
    type Draft: Send;

    fn all(control: &Control) -> Vec<Arc<Self>>;
    fn one(control: &Control, id: &str) -> Option<Arc<Self>>;
    fn id(&self) -> String;
    fn record(&self) -> &DirectoryRecord;

    /// The attributes that are kept, as a body would bring them: what a patch is applied to.
    fn written(&self) -> Object;

    /// All that is said of it.
    fn shown(&self, control: &Control) -> Object;

    /// What is kept of a body, or why it cannot be. `before` is what is there already.
    fn draft(resource: Object, before: Option<&Self>) -> Result<Self::Draft, ScimError>;

    /// Those that a filter fits.
    fn fitting(control: &Control, filter: &Filter) -> Vec<Arc<Self>> {
        let mut all = Self::all(control);
        all.retain(|one| filter.fits(&one.shown(control)));
        all
    }

    fn add(
        control: &Control,
        draft: Self::Draft,
        key: DirectoryKeyId,
    ) -> impl Future<Output = Result<Arc<Self>, DirectoryError>> + Send;

    /// Changes this version of it, with all that follows.
    fn change(
        &self,
        control: &Control,
        draft: Self::Draft,
        key: DirectoryKeyId,
    ) -> impl Future<Output = Result<Arc<Self>, DirectoryError>> + Send;

    fn remove(
        &self,
        control: &Control,
        key: DirectoryKeyId,
    ) -> impl Future<Output = Result<(), ScimError>> + Send;
}

/// The paths of one kind.
pub(super) fn router<R: Resource>() -> Router<Arc<Control>> {
    Router::new()
        .route(R::KIND.endpoint, get(list::<R>).post(create::<R>))
        .route(&format!("{}/.search", R::KIND.endpoint), post(search::<R>))
        .route(
            &format!("{}/{{id}}", R::KIND.endpoint),
            get(show::<R>).put(replace::<R>).patch(patch::<R>).delete(remove::<R>),
        )
}

async fn list<R: Resource>(State(control): State<Arc<Control>>, query: Query) -> Answered {
    let found = found::<R>(&control, &query)?;
    Ok(query.page(&found, |one| (R::KIND, one.shown(&control))))
}

async fn search<R: Resource>(control: State<Arc<Control>>, body: Bytes) -> Answered {
    list::<R>(control, Query::asked(&document::parse(&body)?)?).await
}

/// Those of a kind that a query asks for.
pub(super) fn found<R: Resource>(control: &Control, query: &Query) -> Result<Vec<Arc<R>>, ScimError> {
    Ok(match query.filter(R::KIND)? {
        Some(filter) => R::fitting(control, &filter),
        None => R::all(control),
    })
}

async fn show<R: Resource>(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Answered {
    let one = one::<R>(&control, &id)?;
    let version = one.record().version;
    if page::is_known(&headers, version) {
        return Ok(ScimAnswer::nothing(StatusCode::NOT_MODIFIED));
    }
    Ok(ScimAnswer::resource(query.shown(R::KIND, one.shown(&control)), version))
}

async fn create<R: Resource>(State(control): State<Arc<Control>>, Key(key): Key, body: Bytes) -> Answered {
    let draft = R::draft(document::resource(R::KIND, &document::parse(&body)?)?, None)?;
    Ok(answer(&control, &*R::add(&control, draft, key).await?).created())
}

async fn replace<R: Resource>(
    State(control): State<Arc<Control>>,
    Key(key): Key,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let new = document::resource(R::KIND, &document::parse(&body)?)?;
    change::<R>(&control, &id, &headers, key, |_before| Ok(new.clone())).await
}

async fn patch<R: Resource>(
    State(control): State<Arc<Control>>,
    Key(key): Key,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let request = document::parse(&body)?;
    change::<R>(&control, &id, &headers, key, |before| patch::applied(R::KIND, before.written(), &request))
        .await
}

async fn remove<R: Resource>(
    State(control): State<Arc<Control>>,
    Key(key): Key,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let one = one::<R>(&control, &id)?;
    page::unless_stale(&headers, one.record().version)?;
    one.remove(&control, key).await?;
    Ok(ScimAnswer::nothing(StatusCode::NO_CONTENT))
}

/// Makes a change from what is there now, again if somebody else was faster.
pub(super) async fn change<R: Resource>(
    control: &Control,
    id: &str,
    headers: &HeaderMap,
    key: DirectoryKeyId,
    new: impl Fn(&R) -> Result<Object, ScimError>,
) -> Answered {
    let mut tries = 0;
    loop {
        let before = one::<R>(control, id)?;
        page::unless_stale(headers, before.record().version)?;
        let draft = R::draft(new(&before)?, Some(&before))?;
        tries += 1;
        match before.change(control, draft, key).await {
            Ok(after) => return Ok(answer(control, &*after)),
            Err(DirectoryError::Stale(_)) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn one<R: Resource>(control: &Control, id: &str) -> Result<Arc<R>, ScimError> {
    R::one(control, id).ok_or_else(|| ScimError::not_found(&format!("{} of this id", R::KIND.noun)))
}

fn answer<R: Resource>(control: &Control, one: &R) -> ScimAnswer {
    ScimAnswer::resource(one.shown(control), one.record().version)
}

/// What every resource has: its schema, its id, what is kept of it, and what there is to know about it.
pub(super) fn dressed<R: Resource>(control: &Control, one: &R, attributes: &Object) -> Object {
    let (kind, record) = (R::KIND, one.record());
    let mut resource = Object::new().with("schemas", vec![kind.schema]).with("id", one.id());
    for (name, value) in attributes.members() {
        resource.set(name, value.clone());
    }
    let meta = Object::new()
        .with("resourceType", kind.name)
        .with("created", record.made.to_string())
        .with("lastModified", record.changed.to_string())
        .with("location", place(control, kind, &one.id()))
        .with("version", tag(record.version));
    resource.with("meta", meta)
}

/// The address of a resource.
pub(super) fn place(control: &Control, kind: &Kind, id: &str) -> String {
    let origin = control.web.as_ref().map(|web| web.origin.as_str()).unwrap_or_default();
    format!("{origin}{BASE}{}/{id}", kind.endpoint)
}
