//! Every bad token is refused, and for its reason: each is one change of a good token that is accepted beside it.
//! The access tokens among them are in `corpus/`, to be fired at a running deployment too.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is tests")]

mod corpus;
mod foreign;

use corpus::{
    access::{self, Good},
    attacks::{Attack, ENDING, FORM, KEYED, against},
    forge::{BadToken, ed25519},
};
use foreign::{
    cases::{CLIENT, EVENT, GITHUB, ID_JAG, ID_TOKEN, PROOF, RSA_CONFUSION, SVID, USER, WORKLOAD},
    world::{self, ISSUER, Kind, NOW},
};
use placet_domain::InstanceId;
use placet_identity::{Deployment, Replays, TokenFault, TokenKey, TokenVerifier, VerifyError};

/// Fires all, and gives their number. A token that is accepted, or refused for another reason, fails the test.
fn all_refused(bad: &[BadToken<TokenFault>], check: impl Fn(&str) -> Result<(), TokenFault>) -> usize {
    let wrong: Vec<String> = bad
        .iter()
        .filter_map(|bad| match check(&bad.token) {
            Ok(()) => Some(format!("{}: accepted", bad.name)),
            Err(fault) if bad.faults.contains(&fault) => None,
            Err(fault) => Some(format!("{}: refused for {fault:?}, not {:?}", bad.name, bad.faults)),
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), bad.len(), wrong.join("\n"));
    bad.len()
}

fn kind_refuses(kind: &Kind, tables: &[&[Attack]]) -> usize {
    assert_eq!((kind.check)(&kind.good.token()), Ok(()), "the good {}", kind.name);
    let bad: Vec<_> = tables.iter().flat_map(|table| against(kind.name, &kind.good, table)).collect();
    all_refused(&bad, kind.check)
}

#[test]
fn bad_access_tokens_are_refused() {
    let key = TokenKey::from_seed(&[1; 32]).unwrap();
    let deployment = Deployment { issuer: ISSUER.into(), audience: "https://placet.example/mcp".into() };
    let instance = InstanceId::new(NOW, [3; 10]).to_string();
    let good = Good {
        issuer: &deployment.issuer,
        audience: &deployment.audience,
        instance: &instance,
        agent: "billing",
        key_id: &key.id(),
        now: NOW.seconds(),
    };
    let good = access::good_token(&good, ed25519(&[1; 32]));
    let verifier = TokenVerifier::new(deployment.clone(), &key);
    let check = |token: &str| match verifier.verify_access(token, NOW) {
        Ok(_) => Ok(()),
        Err(VerifyError::Expired(_)) => Err(TokenFault::Expired),
        Err(VerifyError::Rejected(error)) => Err(error.fault),
        Err(VerifyError::WrongAudience) => Err(TokenFault::Audience),
    };
    assert_eq!(check(&good.token()), Ok(()));
    let bad = access::bad_tokens(&good);
    let count = all_refused(&bad, check);
    // A second time: nothing that was refused is remembered as good.
    all_refused(&bad, check);
    assert!(count >= 120, "{count}");
}

#[test]
fn bad_user_tokens_are_refused() {
    kind_refuses(&world::user_token(), &[FORM, KEYED, ENDING, RSA_CONFUSION, USER]);
}

#[test]
fn bad_client_assertions_are_refused() {
    kind_refuses(&world::client_assertion(), &[FORM, KEYED, ENDING, CLIENT]);
}

#[test]
fn bad_svids_are_refused() {
    kind_refuses(&world::svid(), &[FORM, KEYED, ENDING, SVID]);
}

#[test]
fn bad_identity_assertions_are_refused() {
    kind_refuses(&world::id_jag(), &[FORM, KEYED, ENDING, ID_JAG]);
}

#[test]
fn bad_workload_tokens_are_refused() {
    kind_refuses(&world::workload(), &[FORM, KEYED, ENDING, RSA_CONFUSION, WORKLOAD]);
    kind_refuses(&world::github(), &[GITHUB]);
}

#[test]
fn bad_proofs_are_refused() {
    kind_refuses(&world::proof(), &[FORM, PROOF]);
}

#[test]
fn bad_security_events_are_refused() {
    kind_refuses(&world::event(), &[FORM, KEYED, EVENT]);
}

#[test]
fn bad_id_tokens_are_refused() {
    kind_refuses(&world::id_token(), &[FORM, KEYED, ENDING, RSA_CONFUSION, ID_TOKEN]);
}

#[test]
fn no_kind_of_token_passes_for_another() {
    let kinds = [
        world::user_token(),
        world::client_assertion(),
        world::svid(),
        world::id_jag(),
        world::workload(),
        world::proof(),
        world::event(),
        world::id_token(),
    ];
    for (place, one) in kinds.iter().enumerate() {
        for (other_place, other) in kinds.iter().enumerate() {
            let passed = (other.check)(&one.good.token()).is_ok();
            assert_eq!(passed, place == other_place, "{} as {}", one.name, other.name);
        }
    }
}

#[test]
fn what_may_be_used_once_is_refused_the_second_time() {
    let replays = Replays::new(8, 8);
    let proof = world::proof().good.token();
    assert_eq!(world::check_proof(&proof, &replays), Ok(()));
    assert_eq!(world::check_proof(&proof, &replays), Err(TokenFault::Replay));
    // Signed anew: it is the id that counts, not the bytes.
    assert_eq!(world::check_proof(&world::proof().good.token(), &replays), Err(TokenFault::Replay));

    let event = world::event().good.token();
    assert!(world::receiver().receive(&event, &replays, NOW).is_ok());
    let again = world::receiver().receive(&event, &replays, NOW).unwrap_err();
    assert_eq!(again.fault, TokenFault::Replay);

    // An SVID is cached by its workload and is good many times.
    let svid = world::svid().good.token();
    assert!(world::spiffe_trust().authenticate(&svid, None, NOW).is_ok());
    assert!(world::spiffe_trust().authenticate(&svid, None, NOW).is_ok());
}
