//! Documents of other systems that a test publishes: discovery and key sets, and how often each was fetched.

use std::collections::HashMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::Json;
use placet_engine::ports::{Fetched, ProviderError, Providers};

/// A web of published documents.
#[derive(Debug, Default)]
pub struct FakeProviders {
    documents: Mutex<HashMap<String, Json>>,
    fetched: Mutex<Vec<String>>,
}

impl FakeProviders {
    /// Publishes a document, or another one in its place.
    pub fn publish(&self, url: &str, document: impl Into<Json>) {
        self.documents.lock().insert(url.to_owned(), document.into());
    }

    /// Takes everything off the web.
    pub fn vanish(&self) {
        self.documents.lock().clear();
    }

    /// What was asked for, in order.
    #[must_use]
    pub fn fetched(&self) -> Vec<String> {
        self.fetched.lock().clone()
    }
}

#[async_trait]
impl Providers for FakeProviders {
    async fn get(&self, url: &str) -> Result<Fetched, ProviderError> {
        self.fetched.lock().push(url.to_owned());
        match self.documents.lock().get(url) {
            Some(document) => Ok(Fetched { document: document.clone(), max_age: None }),
            None => Err(ProviderError(format!("{url} does not answer"))),
        }
    }
}
