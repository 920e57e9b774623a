//! The root: a query over people and groups at once (RFC 7644 section 3.4.2.1), people first. An attribute that a kind
//! does not have has no value there; `meta.resourceType` tells the kinds apart.

use std::sync::Arc;

use axum::{body::Bytes, extract::State};
use placet_domain::{DirectoryGroup, DirectoryUser, Object};

use super::{
    answer::Answered,
    attribute::Kind,
    document,
    page::Query,
    resource::{Resource, found},
};
use crate::Control;

enum Either {
    User(Arc<DirectoryUser>),
    Group(Arc<DirectoryGroup>),
}

pub(super) async fn list(State(control): State<Arc<Control>>, query: Query) -> Answered {
    let mut all: Vec<Either> = found(&control, &query)?.into_iter().map(Either::User).collect();
    all.extend(found(&control, &query)?.into_iter().map(Either::Group));
    Ok(query.page(&all, |one| one.shown(&control)))
}

pub(super) async fn search(control: State<Arc<Control>>, body: Bytes) -> Answered {
    list(control, Query::asked(&document::parse(&body)?)?).await
}

impl Either {
    fn shown(&self, control: &Control) -> (&'static Kind, Object) {
        match self {
            Self::User(user) => (DirectoryUser::KIND, user.shown(control)),
            Self::Group(group) => (DirectoryGroup::KIND, group.shown(control)),
        }
    }
}
