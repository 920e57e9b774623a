//! Every stage under every event and every step of time.

use super::*;

const T0: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

fn day(days: u32) -> Timestamp {
    T0.after(whole_days(days))
}

fn facts() -> LifeFacts {
    LifeFacts { owner_present: true, period: whole_days(90), until: None }
}

fn gone() -> LifeFacts {
    LifeFacts { owner_present: false, ..facts() }
}

fn life(stage: Stage) -> Life {
    Life::begun(stage, T0)
}

const MISSED: Cause = Cause::CertificationMissed;
const GONE: Cause = Cause::OwnerGone;
const HAND: Cause = Cause::Operator;

fn stages() -> [Stage; 10] {
    [
        Stage::Proposed,
        Stage::Active,
        Stage::CertificationDue,
        Stage::Countdown { cause: MISSED, ends: day(30) },
        Stage::Countdown { cause: GONE, ends: day(30) },
        Stage::Restricted(MISSED),
        Stage::Restricted(GONE),
        Stage::Suspended(MISSED),
        Stage::Suspended(HAND),
        Stage::Retired(HAND),
    ]
}

/// One row a stage, one column an event in the order of [`EVENTS`]; `-` is not possible, `=` stays.
const TABLE: [&str; 10] = [
    "active - retired = - retired - -",
    "- = - = - retired = suspended",
    "- active - = - retired = suspended",
    "- active - = - retired = suspended",
    "- active - active - retired = suspended",
    "- active - = - retired = suspended",
    "- active - active - retired = suspended",
    "- = - = active retired = -",
    "- = - = active retired = -",
    "- - - - - - - -",
];

const EVENTS: [Event; 8] = [
    Event::Approve,
    Event::Certify,
    Event::Refuse,
    Event::ReplaceOwner,
    Event::Resume,
    Event::Retire,
    Event::Shrink,
    Event::Suspend,
];

#[test]
fn every_stage_under_every_event_is_as_the_table_says() {
    for (stage, row) in stages().into_iter().zip(TABLE) {
        for (event, expected) in EVENTS.into_iter().zip(row.split(' ')) {
            let after = life(stage).after(event, &facts(), T0);
            let word = match &after {
                Err(_) => "-",
                Ok(same) if *same == stage => "=",
                Ok(other) => other.as_str(),
            };
            assert_eq!(word, expected, "{stage:?} under {event:?}: {after:?}");
        }
    }
}

#[test]
fn what_people_cannot_do_is_told_with_the_next_step() {
    let told =
        |stage, event, facts: &LifeFacts, now| life(stage).after(event, facts, now).unwrap_err().to_string();
    assert!(told(Stage::Retired(HAND), Event::Resume, &facts(), T0).contains("register a new agent"));
    assert!(told(Stage::Restricted(GONE), Event::Certify, &gone(), T0).contains("`placet agent owner`"));
    assert!(told(Stage::Suspended(GONE), Event::Resume, &gone(), T0).contains("`placet agent owner`"));
    assert!(
        told(Stage::Suspended(MISSED), Event::Resume, &facts(), day(200)).contains("`placet agent certify`")
    );
}

#[test]
fn a_new_owner_does_not_stand_in_for_a_missed_certification() {
    let late = day(104);
    let counting = Stage::Countdown { cause: GONE, ends: day(120) };
    assert_eq!(
        life(counting).after(Event::ReplaceOwner, &facts(), late),
        Ok(Stage::Countdown { cause: MISSED, ends: day(120) })
    );
    assert_eq!(
        life(Stage::Restricted(GONE)).after(Event::ReplaceOwner, &facts(), late),
        Ok(Stage::Restricted(MISSED))
    );
    assert_eq!(life(counting).after(Event::ReplaceOwner, &facts(), day(103)), Ok(Stage::Active));
}

#[test]
fn time_alone_leads_from_active_to_retired_step_by_step() {
    let mut now = T0;
    let mut walked = life(Stage::Active);
    let mut steps = Vec::new();
    for _ in 0..400 {
        now = now.after(whole_days(1));
        while let Some(stage) = walked.due(&facts(), now) {
            steps.push((stage.as_str(), now.since(T0).as_secs() / 86_400));
            walked = Life { stage, since: now, ..walked };
        }
    }
    assert_eq!(
        steps,
        [
            ("certification_due", 90),
            ("countdown", 104),
            ("restricted", 134),
            ("suspended", 141),
            ("retired", 171)
        ]
    );
}

#[test]
fn an_owner_who_leaves_starts_the_countdown_from_every_stage_that_runs() {
    for stage in [Stage::Active, Stage::CertificationDue] {
        let due = life(stage).due(&gone(), day(1));
        assert_eq!(due, Some(Stage::Countdown { cause: GONE, ends: day(31) }), "{stage:?}");
    }
    let counting = life(Stage::Countdown { cause: GONE, ends: day(30) });
    assert_eq!(counting.due(&gone(), day(29)), None);
    assert_eq!(counting.due(&gone(), day(30)), Some(Stage::Restricted(GONE)));
    // The directory had made a mistake.
    assert_eq!(counting.due(&facts(), day(29)), Some(Stage::Active));
    // A countdown for another reason is not ended by an owner who is there anyway.
    assert_eq!(life(Stage::Countdown { cause: MISSED, ends: day(30) }).due(&facts(), day(29)), None);
}

#[test]
fn after_a_long_sleep_no_stage_is_skipped() {
    let late = day(1_000);
    let due = life(Stage::Active).due(&facts(), late).unwrap();
    assert_eq!(due, Stage::CertificationDue);
    let slept = Life { stage: due, since: late, ..life(Stage::Active) };
    let alert = slept.due(&facts(), late).unwrap();
    assert_eq!(alert, Stage::Countdown { cause: MISSED, ends: late.after(whole_days(30)) });
    let counting = Life { stage: alert, since: late, ..life(Stage::Active) };
    assert_eq!(counting.due(&facts(), late), None);
}

#[test]
fn what_a_person_suspended_waits_for_a_person_and_what_expires_is_retired_from_everywhere() {
    assert_eq!(life(Stage::Suspended(HAND)).due(&facts(), day(1_000)), None);
    assert_eq!(life(Stage::Suspended(MISSED)).due(&facts(), day(30)), Some(Stage::Retired(MISSED)));
    assert_eq!(life(Stage::Proposed).due(&facts(), day(30)), Some(Stage::Retired(Cause::Unanswered)));
    let ends = LifeFacts { until: Some(day(5)), ..facts() };
    for stage in stages() {
        let due = life(stage).due(&ends, day(5));
        match stage {
            Stage::Retired(_) => assert_eq!(due, None),
            _ => assert_eq!(due, Some(Stage::Retired(Cause::Expired)), "{stage:?}"),
        }
        assert_ne!(life(stage).due(&ends, T0), Some(Stage::Retired(Cause::Expired)));
    }
}

#[test]
fn reminders_come_at_30_14_7_and_1_days_once_each() {
    let mut counting = life(Stage::Countdown { cause: GONE, ends: day(30) });
    let mut said = Vec::new();
    for days in 0..30 {
        if let Some(left) = counting.reminder(&gone(), day(days)) {
            said.push((days, left));
            counting.reminded = Some(left);
        }
        assert_eq!(counting.reminder(&gone(), day(days)), None);
    }
    assert_eq!(said, [(0, 30), (16, 14), (23, 7), (29, 1)]);
    // Slept through: only the last is given.
    let slept = life(Stage::Countdown { cause: GONE, ends: day(30) });
    assert_eq!(slept.reminder(&gone(), day(24)), Some(7));
    // A due certification has its own two weeks.
    let due = Life { stage: Stage::CertificationDue, since: day(90), ..life(Stage::Active) };
    assert_eq!(due.reminder(&facts(), day(90)), Some(14));
    assert_eq!(life(Stage::Active).reminder(&facts(), day(1)), None);
    assert_eq!(life(Stage::Proposed).reminder(&facts(), day(29)), None);
}

#[test]
fn every_stage_reads_back_from_its_words() {
    for stage in stages() {
        let ends = match stage {
            Stage::Countdown { ends, .. } => Some(ends),
            _ => None,
        };
        let cause = stage.cause().map(|cause| cause.as_str().parse().unwrap());
        assert_eq!(Stage::read(stage.as_str(), cause, ends), Ok(stage));
    }
    assert!(Stage::read("countdown", Some(GONE), None).is_err() && "x".parse::<Cause>().is_err());
}

#[test]
fn a_stage_leaves_an_agent_what_it_says() {
    assert_eq!(Stage::Restricted(GONE).reach(), Reach::Read);
    assert_eq!(Stage::Restricted(GONE).status(), AgentStatus::Active);
    for stage in [Stage::Proposed, Stage::Suspended(HAND), Stage::Retired(HAND)] {
        assert_eq!(stage.status(), AgentStatus::Revoked);
    }
    assert!(Reach::Nothing < Reach::Read && Reach::Read < Reach::All);
}
