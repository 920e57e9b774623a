//! The record that the CRM keeps, and the three records it starts with.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A possible sale to one customer.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Deal {
    pub deal_id: String,
    pub name: String,
    /// The person the deal is assigned to.
    pub owner: String,
    pub stage: Stage,
    /// Whole dollars.
    pub amount: i64,
    pub notes: String,
    pub billing_contact_email: String,
    /// A fraction: 0.1 is ten per cent.
    pub discount_rate: f64,
    /// `YYYY-MM-DD`.
    pub close_date: String,
    pub customer_id: String,
    /// Absent until someone has set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub legal_terms: Option<String>,
}

/// Where a deal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Stage {
    Prospecting,
    Qualification,
    Proposal,
    Negotiation,
    #[serde(rename = "Closed Won")]
    ClosedWon,
    #[serde(rename = "Closed Lost")]
    ClosedLost,
}

/// The deals of a fresh CRM: 789 and 791 are bob's, 790 is carol's.
pub(crate) fn seeded() -> BTreeMap<String, Deal> {
    [
        deal("789", "Acme renewal", "bob", Stage::Negotiation, 48_250, "acme"),
        deal("790", "Globex expansion", "carol", Stage::Proposal, 120_000, "globex"),
        deal("791", "Initech pilot", "bob", Stage::Qualification, 7_500, "initech"),
    ]
    .into_iter()
    .map(|deal| (deal.deal_id.clone(), deal))
    .collect()
}

fn deal(id: &str, name: &str, owner: &str, stage: Stage, amount: i64, customer: &str) -> Deal {
    Deal {
        deal_id: id.into(),
        name: name.into(),
        owner: owner.into(),
        stage,
        amount,
        notes: String::new(),
        billing_contact_email: format!("billing@{customer}.example"),
        discount_rate: 0.05,
        close_date: "2026-03-31".into(),
        customer_id: format!("cus_{customer}"),
        legal_terms: None,
    }
}
