//! Each verdict × each failure of each port, as a golden file whose difference is the review. `UPDATE_GOLDEN=1` rewrites it.

use std::{fmt::Write as _, path::Path, time::Duration};

use placet_domain::Json;
use placet_engine::Reply;
use placet_testkit::{Actor, Failure, PortOperation, World};

use super::crm::{HUGE, LARGE, SMALL, UPDATE, answered, asked, code, text, world};

/// Long enough for everything in memory, short enough for what never answers.
const PATIENCE: Duration = Duration::from_millis(100);

/// What a call is about to meet.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Story {
    Allow,
    Approved,
    Ask,
    Deny,
}

impl Story {
    const ALL: [Self; 4] = [Self::Allow, Self::Approved, Self::Ask, Self::Deny];

    fn arguments(self) -> &'static str {
        match self {
            Self::Allow => SMALL,
            Self::Approved | Self::Ask => LARGE,
            Self::Deny => HUGE,
        }
    }

    /// An instance of an agent that nobody has seen, just before its call.
    async fn actor(self, world: &World, number: usize) -> Actor {
        let actor = world.agent(&format!("agent-{number}")).on_behalf_of("bob").start().await;
        if self == Self::Approved {
            let id = asked(&actor.calls(UPDATE, LARGE).await);
            world.approve(id, "alice").await.unwrap();
        }
        actor
    }
}

/// What was left behind.
struct Trace {
    reply: Option<Reply>,
    sent: usize,
    receipts: Vec<Json>,
}

impl Trace {
    fn line(&self) -> String {
        let reply = match &self.reply {
            None => "waits".to_owned(),
            Some(reply) => code(reply).map_or("answered".to_owned(), |code| code.to_string()),
        };
        let receipts: Vec<String> = self.receipts.iter().map(receipt).collect();
        let receipts = if receipts.is_empty() { "none".to_owned() } else { receipts.join(", ") };
        format!("{reply:<8}  sent {}  {receipts}", self.sent)
    }

    fn count(&self, kind: &str) -> usize {
        self.receipts.iter().filter(|receipt| text(receipt, "kind") == kind).count()
    }
}

fn receipt(receipt: &Json) -> String {
    match text(receipt, "kind").as_str() {
        "decision" => {
            format!("decision {} {}", text(receipt, "verdict"), text(receipt, "code")).trim().to_owned()
        }
        "outcome" => format!("outcome {}", text(receipt, "outcome")),
        other => other.to_owned(),
    }
}

/// One cell: a failure is switched on, the call is made, and all is healed.
async fn play(world: &World, story: Story, number: usize, arm: impl FnOnce(&World)) -> Trace {
    let actor = story.actor(world, number).await;
    let (before, sent) = (world.ledger.leaves().len(), world.sent().len());
    arm(world);
    let reply = tokio::time::timeout(PATIENCE, actor.calls(UPDATE, story.arguments())).await.ok();
    let left = world.ledger.leaves().split_off(before);
    let receipts = left.iter().map(|leaf| Json::parse(leaf.as_bytes()).unwrap()).collect();
    let trace = Trace { reply, sent: world.sent().len() - sent, receipts };
    world.failpoints.heal();
    // No lock is left behind: the next call goes through.
    let next = tokio::time::timeout(PATIENCE * 10, actor.calls(UPDATE, SMALL)).await;
    answered(&next.expect("the next call ends"));
    trace
}

/// What holds in every cell.
fn check(trace: &Trace, cell: &str) {
    let (decisions, outcomes) = (trace.count("decision"), trace.count("outcome"));
    assert!(trace.sent <= 1 && decisions <= 1 && outcomes <= 1, "{cell}");
    if trace.sent == 1 {
        let allowed =
            |receipt: &Json| text(receipt, "verdict") == "allow" && text(receipt, "code").is_empty();
        assert!(trace.receipts.iter().any(allowed), "{cell}: sent without a durable decision");
    }
    if let Some(Reply::Answered { receipts, .. }) = &trace.reply {
        assert_eq!((trace.sent, decisions, outcomes), (1, 1, 1), "{cell}");
        assert!(receipts.outcome.is_some(), "{cell}: answered without an outcome receipt");
    }
}

#[tokio::test]
async fn every_verdict_under_every_failure_is_as_reviewed() {
    let mut table = String::from(
        "# verdict, failure: the reply's code, how often the tool was called, the receipts left.\n\
         # `waits`: the port never answers, and neither does the engine; the call has no effect from then on.\n",
    );
    let world = world().await;
    let mut number = 0;
    for story in Story::ALL {
        number += 1;
        let trace = play(&world, story, number, |_| {}).await;
        check(&trace, &format!("{story:?}"));
        let undisturbed = trace.line();
        writeln!(table, "\n{story:?}\n  {:<30} {undisturbed}", "-").unwrap();
        for (operation, failure, calls) in cells() {
            number += 1;
            let cell = format!("{operation:?} {failure:?}{}", if calls == 0 { "" } else { ", second" });
            let arm = |world: &World| match calls {
                0 => world.failpoints.fail(operation, failure),
                _ => world.failpoints.fail_nth(operation, calls, failure),
            };
            let trace = play(&world, story, number, arm).await;
            check(&trace, &cell);
            assert!(trace.reply.is_some() || failure == Failure::Hang, "{cell}: hangs where nothing hangs");
            if trace.line() != undisturbed {
                writeln!(table, "  {cell:<30} {}", trace.line()).unwrap();
            }
        }
    }
    compare(&table);
}

/// Each operation fails from its first call on in each way; the log also from its second, which records the outcome.
fn cells() -> Vec<(PortOperation, Failure, u32)> {
    let first = PortOperation::ALL.into_iter().map(|operation| (operation, 0));
    let all = first.chain([(PortOperation::LedgerAppend, 1)]);
    all.flat_map(|(operation, calls)| Failure::ALL.map(|failure| (operation, failure, calls))).collect()
}

fn compare(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/failures.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(golden, table, "UPDATE_GOLDEN=1 rewrites {}", path.display());
}
