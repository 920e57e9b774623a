//! What a person is here, besides a name: given to groups by `[roles]` in `placet.toml`.

use std::{fmt, str::FromStr};

use placet_domain::Tier;

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Changes policies, registers agents, accepts tools, invites people.
    Admin,
    /// Answers questions about agents of a tier.
    Approver(Tier),
    /// Whoever is declared and sits at the machine, as long as nobody has been given a role.
    Operator,
    /// Registers agents that they own themselves.
    Owner,
    /// Stops anything, and lets it go on.
    Security,
    /// Reads.
    Viewer,
}

/// There is no such role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role; roles are viewer, owner, approver-1, approver-2, approver-3, security, admin")]
pub struct UnknownRole(String);

impl Role {
    /// The roles that people can be given.
    pub const GIVEN: [Self; 7] = [
        Self::Viewer,
        Self::Owner,
        Self::Approver(Tier::One),
        Self::Approver(Tier::Two),
        Self::Approver(Tier::Three),
        Self::Security,
        Self::Admin,
    ];

    /// As rules and `placet.toml` write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Approver(Tier::One) => "approver-1",
            Self::Approver(Tier::Two) => "approver-2",
            Self::Approver(Tier::Three) => "approver-3",
            Self::Operator => "operator",
            Self::Owner => "owner",
            Self::Security => "security",
            Self::Viewer => "viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    /// `operator` is nobody's to give.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::GIVEN.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| UnknownRole(text.escape_debug().to_string()))
    }
}
