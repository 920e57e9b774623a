//! What the demo plays: the same scope, different outcomes.

use std::io::{BufRead as _, Write as _};

use placet_domain::Json;

use super::{
    Asking,
    agent::{Agent, Answer},
    operator::Operator,
    say,
};
use crate::failure::Failure;

/// Plays all scenes and returns the agent's token.
pub(crate) async fn play(operator: &Operator, url: &str, asking: Asking) -> Result<String, Failure> {
    operator
        .register("deal-update-agent", "carol", "keeps deals up to date after calls", 3, "crm-agents")
        .await?;
    say("Registered deal-update-agent: owner carol, tier 3, purpose \"keeps deals up to date after calls\".");
    let token = operator.start("deal-update-agent", "bob", Some("INC-4451")).await?;
    say("Started an instance on behalf of bob, ticket INC-4451. It holds one scope: the CRM.\n");
    let agent = Agent::connect(url, &token).await?;

    same_scope(operator, &agent, asking).await?;
    crm_rules(operator, url, &agent).await?;
    Ok(token)
}

/// One scope, three outcomes.
async fn same_scope(operator: &Operator, agent: &Agent, asking: Asking) -> Result<(), Failure> {
    say("== Same scope, different outcomes");
    let shown = agent.tools().await?;
    say(&format!("The agent is shown only what it may call: {}.\n", shown.join(", ")));

    let notes = r#"{"deal_id":"789","notes":"Asked for a revised quote","amount":500}"#;
    expect(Outcome::Allowed, "update the notes, amount $500", &agent.call("update_deal", notes).await?)?;

    let greedy = r#"{"deal_id":"789","stage":"Closed Won","amount":50000,"discount_rate":0.3}"#;
    let answer = agent.call("update_deal", greedy).await?;
    expect(Outcome::Denied, "close the deal at $50,000 and change the discount", &answer)?;

    let closing = r#"{"deal_id":"789","stage":"Closed Won","amount":50000}"#;
    let answer = agent.call("update_deal", closing).await?;
    expect(Outcome::Pending, "close the deal at $50,000", &answer)?;
    let ticket = answer
        .structured
        .member("ticket")
        .and_then(Json::as_str)
        .map(str::to_owned)
        .or_else(|| answer.text.split_whitespace().find(|word| word.starts_with("apr_")).map(str::to_owned))
        .ok_or_else(|| Failure::new("the refusal names no ticket"))?;
    approve(operator, &ticket, asking).await?;

    let answer = agent.call("update_deal", closing).await?;
    if answer.refused {
        say("  The approval was not given; the call stays refused.\n");
        return Ok(());
    }
    expect(Outcome::Allowed, "the identical call again", &answer)?;
    let answer = agent.call("update_deal", closing).await?;
    expect(Outcome::Pending, "and once more: an approval runs one call once", &answer)
}

/// The rules of the CRM.
async fn crm_rules(operator: &Operator, url: &str, agent: &Agent) -> Result<(), Failure> {
    say("== The rules of the CRM");
    for (outcome, what, tool, arguments) in [
        (Outcome::Allowed, "read a deal", "get_deal", r#"{"deal_id":"790"}"#),
        (
            Outcome::Denied,
            "change a deal of another rep (the CRM says whose it is, not the agent)",
            "update_deal",
            r#"{"deal_id":"790","notes":"mine now"}"#,
        ),
        (
            Outcome::Denied,
            "change the billing contact",
            "update_deal",
            r#"{"deal_id":"791","billing_contact_email":"me@example.com"}"#,
        ),
        (Outcome::Pending, "an amount above $10,000", "update_deal", r#"{"deal_id":"791","amount":12000}"#),
        (
            Outcome::Allowed,
            "move the close date, with a ticket",
            "update_deal",
            r#"{"deal_id":"791","close_date":"2026-12-18"}"#,
        ),
        (
            Outcome::Pending,
            "mail to a domain that is not on the list",
            "send_email",
            r#"{"to":["ceo@elsewhere.example"],"subject":"Hi","body":"…"}"#,
        ),
        (Outcome::Denied, "delete a deal", "delete_deal", r#"{"deal_id":"791"}"#),
    ] {
        expect(outcome, what, &agent.call(tool, arguments).await?)?;
    }
    let token = operator.start("deal-update-agent", "bob", None).await?;
    let without_ticket = Agent::connect(url, &token).await?;
    let answer = without_ticket.call("update_deal", r#"{"deal_id":"791","close_date":"2026-12-19"}"#).await?;
    expect(Outcome::Denied, "move the close date, without a ticket", &answer)
}

/// Shows the approver what will happen, and asks.
async fn approve(operator: &Operator, ticket: &str, asking: Asking) -> Result<(), Failure> {
    say("  What alice, a sales manager, sees:");
    for line in operator.show(ticket).await?.lines() {
        say(&format!("    {line}"));
    }
    let yes = match asking {
        Asking::Yes => true,
        Asking::Terminal => {
            let _ = write!(std::io::stdout(), "  Approve as alice? [y/N] ");
            let _ = std::io::stdout().flush();
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map_err(Failure::of("no answer could be read"))?;
            line.trim().eq_ignore_ascii_case("y")
        }
    };
    operator.answer(ticket, yes, "the customer signed").await?;
    say(if yes { "  alice approves: \"the customer signed\".\n" } else { "  alice denies.\n" });
    Ok(())
}

/// What a scene should show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Allowed,
    Denied,
    Pending,
}

/// Prints a scene, and stops the demo if it does not show what it should: a demo that lies is worse than none.
fn expect(expected: Outcome, what: &str, answer: &Answer) -> Result<(), Failure> {
    let seen = match (answer.refused, answer.text.starts_with("PL-13")) {
        (false, _) => Outcome::Allowed,
        (true, true) => Outcome::Pending,
        (true, false) => Outcome::Denied,
    };
    let word = match seen {
        Outcome::Allowed => "allowed ",
        Outcome::Denied => "denied  ",
        Outcome::Pending => "approval",
    };
    say(&format!("  [{word}] {what}"));
    if answer.refused {
        say(&format!("             {}", answer.text));
    }
    match seen == expected {
        true => Ok(()),
        false => {
            Err(Failure::new(format!("the demo expected {expected:?} and saw {seen:?}: {}", answer.text)))
        }
    }
}
