//! `placet agent`: registering and listing.

use clap::Subcommand;
use placet_domain::{AgentName, GroupName, Object, PersonName, Tier};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, out, text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register an agent under a human owner
    #[command(
        after_help = "Example: placet agent register crm-writer --owner carol --purpose 'keeps deals fresh' --tier 2"
    )]
    Register {
        /// Its name
        name: AgentName,
        /// The person who answers for it
        #[arg(long, value_name = "PERSON")]
        owner: PersonName,
        /// What it is for, in the owner's words
        #[arg(long, value_name = "TEXT")]
        purpose: String,
        /// 1 reads, 2 internal writes, 3 customer data, money, the outside world
        #[arg(long, value_name = "N")]
        tier: Tier,
        /// A group it belongs to; may be given again
        #[arg(long, value_name = "GROUP")]
        group: Vec<GroupName>,
    },
    /// List every agent
    List,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    let screen = context.screen;
    match verb {
        Verb::Register { name, owner, purpose, tier, group } => {
            let groups: Vec<&str> = group.iter().map(GroupName::as_str).collect();
            let body = Object::new()
                .with("name", name.as_str())
                .with("owner", owner.as_str())
                .with("purpose", purpose)
                .with("tier", tier.number())
                .with("groups", groups);
            let answer = context.client().post("/v1/agents", body).await?;
            if screen.is_json() {
                screen.json(&answer);
            } else {
                out(&format!("registered `{name}`, tier {tier}, owner {owner}"));
                out(&format!("next: placet instance start {name}"));
            }
        }
        Verb::List => {
            let answer = context.client().get("/v1/agents").await?;
            if screen.is_json() {
                screen.json(&answer);
            } else {
                let rows: Vec<Vec<String>> = list(&answer, "agents")
                    .iter()
                    .map(|agent| {
                        let groups: Vec<&str> =
                            list(agent, "groups").iter().filter_map(|group| group.as_str()).collect();
                        vec![
                            text(agent, "name"),
                            text(agent, "tier"),
                            text(agent, "owner"),
                            text(agent, "status"),
                            groups.join(","),
                            text(agent, "purpose"),
                        ]
                    })
                    .collect();
                screen.table(&["agent", "tier", "owner", "status", "groups", "purpose"], &rows);
            }
        }
    }
    Ok(Exit::Ok)
}
