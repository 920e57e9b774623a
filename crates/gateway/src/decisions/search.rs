//! AuthZEN searches: the shape of questions and pages. What is found is the engine's.

use http::Response;
use placet_domain::{Json, Object};
use placet_engine::{Asked, Caller, Inquiry, Page, Wanted};

use super::{
    answered,
    authzen::{asked, object, properties, text},
    obligations,
};
use crate::{body::Body, server::Gateway};

impl Gateway {
    pub(super) async fn answer_search(
        &self,
        asker: &Caller,
        wanted: Wanted,
        body: &Object,
    ) -> Result<Response<Body>, String> {
        let inquiry = inquiry(wanted, body)?;
        let page = page(body)?;
        let found = self.engine.search(asker, wanted, &inquiry, &page).await;
        let kind = match wanted {
            Wanted::Resources => inquiry.resource.kind.as_str(),
            Wanted::Actions | Wanted::Subjects => inquiry.subject.kind.as_str(),
        };
        let count = i64::try_from(found.matches.len()).unwrap_or(i64::MAX);
        let results: Vec<Json> = found
            .matches
            .into_iter()
            .enumerate()
            .map(|(place, found)| {
                let result = match wanted {
                    Wanted::Actions => Object::new().with("name", found.name),
                    Wanted::Resources | Wanted::Subjects => {
                        Object::new().with("type", kind).with("id", found.name)
                    }
                };
                let obliged = obligations::told(&found.obligations, Some(place));
                result.with_some("context", obliged.map(|all| Object::new().with("obligations", all))).into()
            })
            .collect();
        let page = Object::new().with("next_token", found.next.unwrap_or_default()).with("count", count);
        Ok(answered(Object::new().with("results", results).with("page", page)))
    }
}

/// Whatever is searched for has a type and no id; an action is not named at all.
fn inquiry(wanted: Wanted, body: &Object) -> Result<Inquiry, String> {
    let entity = |name: &str, is_wanted: bool| match is_wanted {
        false => asked(body, name),
        true => {
            let entity = object(body, name)?;
            let (kind, properties) = (text(entity, name, "type")?, properties(entity, name)?);
            Ok(Asked { kind, properties, ..Asked::default() })
        }
    };
    let (action, action_properties) = match wanted {
        Wanted::Actions => (String::new(), Object::new()),
        Wanted::Resources | Wanted::Subjects => {
            let action = object(body, "action")?;
            (text(action, "action", "name")?, properties(action, "action")?)
        }
    };
    let context = match body.member("context") {
        None => Object::new(),
        Some(Json::Object(context)) => context.clone(),
        Some(other) => return Err(format!("`context` is {}, not an object", other.kind())),
    };
    Ok(Inquiry {
        subject: entity("subject", wanted == Wanted::Subjects)?,
        action,
        action_properties,
        resource: entity("resource", wanted == Wanted::Resources)?,
        edits: obligations::adopted(&context),
        context,
    })
}

fn page(body: &Object) -> Result<Page, String> {
    let page = match body.member("page") {
        None => return Ok(Page::default()),
        Some(Json::Object(page)) => page,
        Some(other) => return Err(format!("`page` is {}, not an object", other.kind())),
    };
    let after = match page.member("token") {
        None => None,
        Some(Json::String(token)) => Some(token.clone()).filter(|token| !token.is_empty()),
        Some(other) => return Err(format!("`page.token` is {}, not a string", other.kind())),
    };
    let limit = match page.member("limit").map(Json::as_integer) {
        None => None,
        Some(Some(limit)) if limit > 0 => usize::try_from(limit).ok(),
        Some(_) => return Err("`page.limit` is not a positive number".to_owned()),
    };
    Ok(Page { after, limit })
}
