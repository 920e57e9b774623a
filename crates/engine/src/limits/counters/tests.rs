use proptest::prelude::*;

use super::*;
use crate::flatness;

const HOUR: i64 = 3_600_000_000;

fn key(number: u8) -> CounterKey {
    CounterKey(placet_domain::Digest::of(&[number]))
}

fn charge(number: u8, until: i64, amount: &str) -> Charge {
    Charge {
        meter: Meter::Limit("limit".parse().unwrap()),
        key: key(number),
        of: String::new(),
        amount: amount.parse().unwrap(),
        rate: Some("10/1h".parse().unwrap()),
        until: Timestamp::from_micros(until),
    }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

#[test]
fn a_charge_counts_until_its_end_and_not_at_it() {
    let mut board = Board::default();
    board.put(&charge(1, 100, "3"));
    board.put(&charge(1, 200, "0.5"));
    assert_eq!(board.used(key(1), at(99)).to_string(), "3.5");
    assert_eq!(board.used(key(1), at(100)).to_string(), "0.5");
    assert_eq!(board.used(key(1), at(200)), Amount::ZERO);
    assert_eq!(board.used(key(2), at(0)), Amount::ZERO);
}

#[test]
fn what_is_given_back_never_leaves_less_than_nothing() {
    let mut board = Board::default();
    board.put(&charge(1, 100, "3"));
    board.give_back(key(1), at(100), "3".parse().unwrap());
    board.give_back(key(1), at(100), "3".parse().unwrap());
    board.give_back(key(7), at(100), "3".parse().unwrap());
    assert_eq!(board.used(key(1), at(0)), Amount::ZERO);
}

#[test]
fn room_is_told_by_the_first_charge_whose_end_makes_enough() {
    let mut board = Board::default();
    for (until, amount) in [(100, "4"), (200, "4"), (300, "2")] {
        board.put(&charge(1, until, amount));
    }
    let room = |amount: &str| {
        board.without_room(&charge(1, 400, amount), at(0)).map(|level| level.room_at.map(Timestamp::micros))
    };
    assert_eq!(room("1"), Some(Some(100)));
    assert_eq!(room("4"), Some(Some(100)));
    assert_eq!(room("5"), Some(Some(200)));
    assert_eq!(room("10"), Some(Some(300)));
    assert_eq!(room("11"), Some(None));
}

#[test]
fn ended_counters_are_dropped_as_others_are_charged() {
    let mut board = Board::default();
    let of = |number: u32, until: i64| Charge {
        key: CounterKey(placet_domain::Digest::of(&number.to_le_bytes())),
        ..charge(0, until, "1")
    };
    for number in 0..1_000_u32 {
        board.put(&of(number, HOUR));
    }
    // A day later, as many calls of one other counter.
    board.latest = at(24 * HOUR);
    for _ in 0..1_000 {
        board.clear();
        board.put(&of(5_000, 25 * HOUR));
    }
    assert_eq!((board.len(), board.due.len()), (1, 1));
}

#[test]
fn many_charges_of_one_counter_take_bounded_room_and_only_ever_count_longer() {
    let mut board = Board::default();
    for number in 0..10_000_i64 {
        board.put(&charge(1, 1_000 + number, "1"));
    }
    let charges = board.counters.get(&key(1)).unwrap().charges.len();
    assert!(charges <= limits::CHARGES_OF_A_COUNTER, "{charges}");
    for ended in [0, 1, 3_000, 9_999] {
        let exact = Amount::of_units(10_000 - ended).unwrap();
        assert!(board.used(key(1), at(999 + ended)) >= exact, "{ended}");
    }
    assert_eq!(board.used(key(1), at(0)).units(), 10_000);
    // A refund finds what its charge was put to.
    board.give_back(key(1), at(1_000), Amount::ONE);
    assert_eq!(board.used(key(1), at(0)).units(), 9_999);
}

#[test]
#[ignore = "a measurement: `cargo xtask bench-flat`"]
fn measured_looks_and_charges() {
    let of = |number: usize| Charge {
        key: CounterKey(placet_domain::Digest::of(&number.to_le_bytes())),
        ..charge(0, HOUR, "1")
    };
    flatness::tell("counters", |size| {
        let mut board = Board::default();
        (0..size).for_each(|number| board.put(&of(number)));
        let charges: Vec<Charge> =
            (0..flatness::CALLERS).map(|caller| of(caller * (size / flatness::CALLERS))).collect();
        move |turn| {
            let charge = &charges[turn % charges.len()];
            assert!(board.used(charge.key, at(1)) >= Amount::ONE);
            board.clear();
            board.put(charge);
        }
    });
}

proptest! {
    /// Against a list of charges that is searched from the start each time.
    #[test]
    fn counters_agree_with_a_plain_list(
        steps in prop::collection::vec((0_u8..3, 0_i64..50, 0_i64..20, 1_i64..4, prop::bool::ANY), 1..120)
    ) {
        let mut board = Board::default();
        let mut list: Vec<(u8, i64, i64)> = Vec::new();
        let mut now = 0;
        for (number, length, wait, amount, back) in steps {
            now += wait;
            board.latest = at(now);
            board.clear();
            if back && let Some(place) = list.iter().rposition(|(of, until, _)| *of == number && *until > now) {
                let (of, until, amount) = list.remove(place);
                board.give_back(key(of), at(until), Amount::of_units(amount).unwrap());
            } else {
                board.put(&charge(number, now + length, &amount.to_string()));
                list.push((number, now + length, amount));
            }
            for number in 0..3 {
                let plain: i64 = list.iter().filter(|(of, until, _)| *of == number && *until > now).map(|(.., sum)| sum).sum();
                prop_assert_eq!(board.used(key(number), at(now)).units(), plain);
            }
        }
    }
}
