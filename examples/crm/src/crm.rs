//! The CRM itself: deals, an outbox and the journal behind one lock. It knows no protocol.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::{Value, json};

use crate::arguments::{Call, Email, UpdateDeal};
use crate::deal::{Deal, seeded};
use crate::journal::{Journal, LoggedCall};

/// A handle on one CRM; clones share its state.
#[derive(Debug, Clone)]
pub struct Crm {
    state: Arc<Mutex<State>>,
}

impl Default for Crm {
    fn default() -> Self {
        Self::new(Journal::default())
    }
}

impl Crm {
    /// A CRM with the three seeded deals that also appends its call log to the file at `path`.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn with_log_file(path: &Path) -> io::Result<Self> {
        Journal::with_file(path).map(Self::new)
    }

    /// Logs the call, then runs it. `arguments` are what `call` was parsed from.
    ///
    /// # Errors
    /// The log cannot be written (the call then has no effect), or the tool itself fails.
    pub fn execute(&self, tool: &str, arguments: &JsonObject, call: Call) -> Result<Value, ToolError> {
        let mut state = self.lock();
        state.journal.append(tool, arguments).map_err(ToolError::Log)?;
        match call {
            Call::ReadDeal(wanted) => state.deal(&wanted.deal_id).map(as_json),
            Call::ListDeals => Ok(json!({ "deals": state.deals.values().map(as_json).collect::<Vec<_>>() })),
            Call::UpdateDeal(update) => state.update(update),
            Call::DeleteDeal(wanted) => match state.deals.remove(&wanted.deal_id) {
                Some(deal) => Ok(json!({ "deal_id": deal.deal_id, "deleted": true })),
                None => Err(ToolError::UnknownDeal(wanted.deal_id)),
            },
            Call::SendEmail(email) => state.send(email),
        }
    }

    /// The calls executed so far, oldest first.
    pub fn log(&self) -> Vec<LoggedCall> {
        self.lock().journal.calls().to_vec()
    }

    /// A deal as it is now.
    pub fn deal(&self, deal_id: &str) -> Option<Deal> {
        self.lock().deals.get(deal_id).cloned()
    }

    /// The e-mails sent so far, oldest first.
    pub fn outbox(&self) -> Vec<Email> {
        self.lock().outbox.clone()
    }

    fn new(journal: Journal) -> Self {
        let state = State { deals: seeded(), outbox: Vec::new(), journal };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A panic elsewhere leaves each record whole: every change below is one assignment or insertion.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an executed call failed; told to the caller as a result with `isError`.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("there is no deal `{0}`")]
    UnknownDeal(String),
    #[error("`to` names no recipient")]
    NoRecipient,
    #[error("the call log cannot be written, so nothing was done")]
    Log(#[source] io::Error),
}

#[derive(Debug)]
struct State {
    deals: BTreeMap<String, Deal>,
    outbox: Vec<Email>,
    journal: Journal,
}

impl State {
    fn deal(&mut self, deal_id: &str) -> Result<&mut Deal, ToolError> {
        self.deals.get_mut(deal_id).ok_or_else(|| ToolError::UnknownDeal(deal_id.into()))
    }

    fn update(&mut self, update: UpdateDeal) -> Result<Value, ToolError> {
        let deal = self.deal(&update.deal_id)?;
        deal.stage = update.stage.unwrap_or(deal.stage);
        deal.amount = update.amount.unwrap_or(deal.amount);
        deal.discount_rate = update.discount_rate.unwrap_or(deal.discount_rate);
        replace(&mut deal.notes, update.notes);
        replace(&mut deal.billing_contact_email, update.billing_contact_email);
        replace(&mut deal.close_date, update.close_date);
        if update.legal_terms.is_some() {
            deal.legal_terms = update.legal_terms;
        }
        Ok(as_json(deal))
    }

    fn send(&mut self, email: Email) -> Result<Value, ToolError> {
        let recipients = email.to.len();
        if recipients == 0 {
            return Err(ToolError::NoRecipient);
        }
        self.outbox.push(email);
        Ok(json!({ "message_id": format!("msg_{}", self.outbox.len()), "recipients": recipients }))
    }
}

fn replace(field: &mut String, value: Option<String>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn as_json(value: impl Serialize) -> Value {
    // A `Deal` holds only strings and finite numbers, which always serialize.
    serde_json::to_value(value).unwrap_or_default()
}
