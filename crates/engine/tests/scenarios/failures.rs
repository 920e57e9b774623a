//! Each verdict × each failure of each port, as a golden file whose difference is the review. `UPDATE_GOLDEN=1` rewrites it.

use std::{fmt::Write as _, path::Path, time::Duration};

use placet_domain::Json;
use placet_engine::Reply;
use placet_testkit::{Actor, Failure, PortOperation, World};

use super::crm::{HUGE, LARGE, SMALL, UPDATE, answered, asked, billing, code, text, world};

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
        "decision" => format!("decision {} {}", text(receipt, "verdict"), text(receipt, "code")).trim().to_owned(),
        "outcome" => format!("outcome {}", text(receipt, "outcome")),
        other => other.to_owned(),
    }
}

/// A world just before the call.
async fn scene(story: Story) -> (World, Actor) {
    let world = world().await;
    let billing = billing(&world).await;
    if story == Story::Approved {
        let id = asked(&billing.calls(UPDATE, LARGE).await);
        world.approve(id, "alice").await.unwrap();
    }
    (world, billing)
}

async fn play(story: Story, arm: impl FnOnce(&World)) -> (World, Actor, Trace) {
    let (world, billing) = scene(story).await;
    let (before, sent) = (world.ledger.receipts().len(), world.sent().len());
    arm(&world);
    let call = billing.calls(UPDATE, story.arguments());
    let reply = tokio::time::timeout(PATIENCE, call).await.ok();
    let receipts = world.ledger.receipts().split_off(before);
    let trace = Trace { reply, sent: world.sent().len() - sent, receipts };
    (world, billing, trace)
}

/// What holds in every cell.
fn check(trace: &Trace, cell: &str) {
    let (decisions, outcomes) = (trace.count("decision"), trace.count("outcome"));
    assert!(trace.sent <= 1 && decisions <= 1 && outcomes <= 1, "{cell}");
    if trace.sent == 1 {
        let allowed = |receipt: &Json| text(receipt, "verdict") == "allow" && text(receipt, "code").is_empty();
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
    for story in Story::ALL {
        let (_, _, trace) = play(story, |_| {}).await;
        check(&trace, &format!("{story:?}"));
        let undisturbed = trace.line();
        writeln!(table, "\n{story:?}\n  {:<30} {undisturbed}", "-").unwrap();
        for operation in PortOperation::ALL {
            for failure in Failure::ALL {
                let cell = format!("{operation:?} {failure:?}");
                let (world, billing, trace) = play(story, |world| world.failpoints.fail(operation, failure)).await;
                check(&trace, &cell);
                let waits = trace.reply.is_none();
                assert!(!waits || failure == Failure::Hang, "{cell}: hangs where nothing hangs");
                if trace.line() != undisturbed {
                    writeln!(table, "  {cell:<30} {}", trace.line()).unwrap();
                }
                // No lock is left behind: healed, the next call goes through.
                world.failpoints.heal();
                let next = tokio::time::timeout(PATIENCE, billing.calls(UPDATE, SMALL)).await;
                answered(&next.expect("the next call ends"));
            }
        }
        for failure in Failure::ALL {
            let cell = format!("LedgerAppend {failure:?}, second");
            let second = |world: &World| world.failpoints.fail_nth(PortOperation::LedgerAppend, 1, failure);
            let (_, _, trace) = play(story, second).await;
            check(&trace, &cell);
            if trace.line() != undisturbed {
                writeln!(table, "  {cell:<30} {}", trace.line()).unwrap();
            }
        }
    }
    compare(&table);
}

fn compare(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/failures.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(golden, table, "UPDATE_GOLDEN=1 rewrites {}", path.display());
}
