//! The developer portal's catalog: agents and connectors as Backstage entities, and people and owners out of its files.
//! Its descriptor format is <https://backstage.io/docs/features/software-catalog/descriptor-format>; `AiResource` and the API
//! type `mcp-server` are of `@backstage/catalog-model`. Nothing here speaks to a portal.

mod entity;
mod export;
mod import;
mod plan;

pub(crate) use entity::parse;
pub(crate) use export::catalog;
pub(crate) use import::{Imported, imported};
pub(crate) use plan::{OwnerStep, Plan};
