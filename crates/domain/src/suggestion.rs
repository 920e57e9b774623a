//! The tier that an agent's own wishes suggest: reads only, internal writes, or customer data, money and the outside
//! world. Advice with reasons; what follows from ignoring it is the engine's rule.

use crate::{DataClass, Tier};

/// What an operation does to the world, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Reads,
    /// It changes or deletes something inside.
    Writes,
    /// It sends, exports, executes or administers.
    Outside,
    /// Nobody knows: the tool is not pinned, or belongs to no group.
    Unknown,
}

impl Effect {
    /// The effect of a tool in these action groups. Groups only ever add caution.
    #[must_use]
    pub fn of_groups<'a>(groups: impl IntoIterator<Item = &'a str>) -> Self {
        groups.into_iter().fold(Self::Unknown, |effect, group| match (effect, group) {
            (Self::Outside, _) => Self::Outside,
            (Self::Unknown | Self::Reads, "read") => Self::Reads,
            (_, "read" | "write" | "delete") => Self::Writes,
            (_, _) => Self::Outside,
        })
    }
}

/// One operation that an agent asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its name, `crm.get_deal`.
    pub operation: String,
    /// What it does.
    pub effect: Effect,
}

/// A tier, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The lowest tier that fits.
    pub tier: Tier,
    /// What made it this one, in words.
    pub reasons: Vec<String>,
}

/// Suggests the tier for what an agent asks for.
#[must_use]
pub fn suggest(asked: &[Asked], data: &[DataClass]) -> Suggestion {
    let mut tier = Tier::One;
    let mut reasons: Vec<(Tier, String)> = Vec::new();
    let mut because = |wanted: Tier, why: String| {
        tier = tier.max(wanted);
        reasons.push((wanted, why));
    };
    for Asked { operation, effect } in asked {
        match effect {
            Effect::Reads => {}
            Effect::Writes => because(Tier::Two, format!("`{operation}` writes")),
            Effect::Outside => because(Tier::Three, format!("`{operation}` reaches beyond internal records")),
            Effect::Unknown => because(Tier::Three, format!("what `{operation}` does is not known here")),
        }
    }
    for class in data.iter().filter(|class| !HARMLESS.contains(&class.as_str())) {
        because(Tier::Three, format!("it handles `{class}` data"));
    }
    let mut reasons: Vec<String> =
        reasons.into_iter().filter(|(wanted, _)| *wanted == tier).map(|(_, why)| why).collect();
    if reasons.is_empty() {
        reasons.push(match asked.is_empty() {
            true => "it names no tool: policy alone limits it".to_owned(),
            false => "it asks for tools that only read".to_owned(),
        });
    }
    Suggestion { tier, reasons }
}

/// Data that needs no care. Whatever is not listed does.
const HARMLESS: [&str; 2] = ["internal", "public"];

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(operation: &str, groups: &[&str]) -> Asked {
        Asked { operation: operation.to_owned(), effect: Effect::of_groups(groups.iter().copied()) }
    }

    #[test]
    fn the_tier_follows_the_most_dangerous_wish() {
        let read = asked("crm.get_deal", &["read"]);
        let write = asked("crm.update_deal", &["write"]);
        let delete = asked("crm.delete_deal", &["write", "delete"]);
        let send = asked("mail.send", &["send"]);
        let odd = asked("erp.run", &[]);
        let (public, customer) = ("public".parse().unwrap(), "customer".parse().unwrap());
        for (asked, data, tier, why) in [
            (vec![], vec![], Tier::One, "policy alone"),
            (vec![read.clone()], vec![public], Tier::One, "only read"),
            (vec![read.clone(), write.clone()], vec![], Tier::Two, "`crm.update_deal` writes"),
            (vec![delete], vec![], Tier::Two, "`crm.delete_deal` writes"),
            (vec![write, send], vec![], Tier::Three, "`mail.send` reaches beyond"),
            (vec![read.clone(), odd], vec![], Tier::Three, "`erp.run` does is not known"),
            (vec![read], vec![customer], Tier::Three, "`customer` data"),
        ] {
            let suggestion = suggest(&asked, &data);
            assert_eq!(suggestion.tier, tier, "{asked:?}");
            let told = suggestion.reasons.join("; ");
            assert!(told.contains(why), "{told}");
            assert!(tier != Tier::Three || !told.contains("writes"), "{told}");
        }
    }

    #[test]
    fn more_groups_never_make_a_tool_safer() {
        assert_eq!(Effect::of_groups(["read", "send"]), Effect::Outside);
        assert_eq!(Effect::of_groups(["write", "read"]), Effect::Writes);
        assert_eq!(Effect::of_groups(["read", "something"]), Effect::Outside);
    }
}
