//! Taking up somebody's authority: nothing grows on the way, and it ends where it came from.

use placet_domain::{Code, Object};
use placet_engine::IssuerKind;
use placet_identity::{ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, JWT_BEARER, TOKEN_EXCHANGE};
use placet_testkit::{Actor, Signer, World};

use super::{
    credentials::{
        ISSUER, bearer, calls, denied, fixed, granted, issuer, opened, request, signed, text, unique,
        with_key,
    },
    crm::{SMALL, UPDATE, answered, builder, refused},
};

const IDP: &str = "https://idp.example";
const EXCHANGE: (&str, &str) = ("grant_type", TOKEN_EXCHANGE);
const NOTE: &str = "crm.add_note";

/// A world with a company's identity provider.
async fn company() -> (World, Signer) {
    let idp = Signer::ed25519(30, "idp");
    let world = opened(builder().issuer(issuer("idp", IssuerKind::Idp, IDP, fixed(&idp)))).await;
    (world, idp)
}

fn identity(world: &World, person: &str, audience: &str) -> Object {
    let now = world.ports.clock.now().seconds();
    Object::new()
        .with("iss", IDP)
        .with("sub", "0ab1")
        .with("aud", audience)
        .with("preferred_username", person)
        .with("iat", now)
        .with("exp", now + 600)
}

fn actor(token: &str) -> [(&str, &str); 2] {
    [("actor_token", token), ("actor_token_type", ACCESS_TOKEN_TYPE)]
}

fn subject<'a>(token: &'a str, kind: &'a str) -> [(&'a str, &'a str); 2] {
    [("subject_token", token), ("subject_token_type", kind)]
}

async fn of_person(world: &World, run: &Actor, token: &str) -> placet_engine::OAuthAnswer {
    let pairs = [&[EXCHANGE][..], &subject(token, ID_TOKEN_TYPE), &actor(&run.token)].concat();
    world.engine.token(request(&pairs)).await
}

#[tokio::test]
async fn an_instance_acts_for_the_person_whom_the_identity_provider_vouches_for() {
    let (world, idp) = company().await;
    let run = world.agent("billing").start().await;
    let answer = of_person(&world, &run, &idp.token("JWT", identity(&world, "bob", "placet"))).await;
    let token = granted(&answer);
    assert_eq!(text(&answer, "issued_token_type"), ACCESS_TOKEN_TYPE);
    answered(&calls(&world, bearer(&token), UPDATE, SMALL).await);
    let caller = world.engine.authenticate(&bearer(&token)).unwrap();
    assert_eq!(caller.instance().parent, Some(run.instance.id));
    assert_eq!(caller.instance().mandate.on_behalf_of, Some("bob".parse().unwrap()));
    // It ends with the run that took the authority up.
    assert!(world.engine.revoke(run.instance.id, &"ana".parse().unwrap()).await.unwrap());
    refused(&calls(&world, bearer(&token), UPDATE, SMALL).await, Code::RevokedInstance);
}

#[tokio::test]
async fn a_persons_token_that_is_not_for_us_or_not_theirs_gives_nothing() {
    let (world, idp) = company().await;
    let run = world.agent("billing").start().await;
    let before = world.ports.mandates.instances().len();
    let claims = || identity(&world, "bob", "placet");
    let stranger = Signer::ed25519(31, "idp");
    for token in [
        stranger.token("JWT", claims()),
        idp.token("at+jwt", claims()),
        idp.token("JWT", identity(&world, "bob", "another-client")),
        idp.token("JWT", identity(&world, "nobody", "placet")),
        idp.token("JWT", claims().with("iss", "https://evil.example")),
        idp.token("JWT", claims().with("exp", 1_i64)),
        idp.token("JWT", claims().with("act", Object::new().with("sub", "other"))),
        idp.token("JWT", claims().with("may_act", Object::new().with("sub", "scout"))),
        idp.token("JWT", claims().with("cnf", Object::new().with("jkt", "x"))),
    ] {
        assert!(of_person(&world, &run, &token).await.status >= 400, "{token}");
    }
    let token = idp.token("JWT", claims());
    let alone = [&[EXCHANGE][..], &subject(&token, ID_TOKEN_TYPE)].concat();
    denied(&world.engine.token(request(&alone)).await, "invalid_client");
    let mixed = [&[EXCHANGE][..], &subject(&token, ACCESS_TOKEN_TYPE), &actor(&run.token)].concat();
    denied(&world.engine.token(request(&mixed)).await, "invalid_request");
    assert_eq!(world.ports.mandates.instances().len(), before);
}

#[tokio::test]
async fn a_run_hands_a_part_of_its_job_to_a_child_that_can_do_no_more_than_it() {
    let (world, _) = company().await;
    let key = with_key(&world).await;
    let parent =
        world.agent("billing").on_behalf_of("bob").ticket("T-1").scope(&[NOTE, UPDATE]).start().await;
    let child = async |pairs: &[(&str, &str)]| {
        let own = subject(&parent.token, ACCESS_TOKEN_TYPE);
        world.engine.token(signed(&world, &key, &[&[EXCHANGE][..], &own, pairs].concat())).await
    };
    denied(&child(&[("scope", "crm.update_deal crm.close_deal")]).await, "invalid_scope");
    denied(&child(&[("scope", "*")]).await, "invalid_scope");
    denied(&child(&[("resource", "https://other.example")]).await, "invalid_target");
    let token = granted(&child(&[("scope", UPDATE)]).await);
    answered(&calls(&world, bearer(&token), UPDATE, SMALL).await);
    refused(&calls(&world, bearer(&token), NOTE, "{}").await, Code::OutsideScope);
    let caller = world.engine.authenticate(&bearer(&token)).unwrap();
    let mandate = &caller.instance().mandate;
    assert_eq!(caller.instance().parent, Some(parent.instance.id));
    assert_eq!(
        (mandate.ticket.as_deref(), mandate.on_behalf_of.as_ref().unwrap().as_str()),
        (Some("T-1"), "bob")
    );
    assert!(caller.instance().expires <= parent.instance.expires);
    // Without a scope of its own it has the parent's.
    let same = granted(&child(&[]).await);
    refused(&calls(&world, bearer(&same), "crm.close_deal", SMALL).await, Code::OutsideScope);
    assert!(world.engine.revoke(parent.instance.id, &"ana".parse().unwrap()).await.unwrap());
    refused(&calls(&world, bearer(&token), UPDATE, SMALL).await, Code::RevokedInstance);
    denied(&child(&[]).await, "invalid_request");
}

#[tokio::test]
async fn a_chain_ends_after_three_and_does_not_close() {
    let (world, _) = company().await;
    let key = with_key(&world).await;
    let first = world.agent("billing").start().await;
    let next = async |token: &str| {
        let own = subject(token, ACCESS_TOKEN_TYPE);
        world.engine.token(signed(&world, &key, &[&[EXCHANGE][..], &own].concat())).await
    };
    let second = granted(&next(&first.token).await);
    let third = granted(&next(&second).await);
    denied(&next(&third).await, "invalid_request");
    // Who acts already for an instance is not its actor again.
    let closing = [&[EXCHANGE][..], &subject(&first.token, ACCESS_TOKEN_TYPE), &actor(&first.token)].concat();
    denied(&world.engine.token(request(&closing)).await, "invalid_request");
    let delegated = [&[EXCHANGE][..], &subject(&first.token, ACCESS_TOKEN_TYPE), &actor(&second)].concat();
    denied(&world.engine.token(request(&delegated)).await, "invalid_request");
}

#[tokio::test]
async fn another_agent_takes_a_job_up_by_its_own_token_and_both_are_in_the_receipt() {
    let (world, _) = company().await;
    let parent = world.agent("billing").on_behalf_of("bob").start().await;
    let helper = world.agent("scout").scope(&[UPDATE]).start().await;
    let pairs = [&[EXCHANGE][..], &subject(&parent.token, ACCESS_TOKEN_TYPE), &actor(&helper.token)].concat();
    let token = granted(&world.engine.token(request(&pairs)).await);
    let caller = world.engine.authenticate(&bearer(&token)).unwrap();
    assert_eq!((caller.agent().name.as_str(), caller.instance().parent), ("scout", Some(parent.instance.id)));
    refused(&calls(&world, bearer(&token), NOTE, "{}").await, Code::OutsideScope);
    let receipts = world.receipts("instance");
    let proven = receipts.iter().find_map(|receipt| receipt.member("about")?.member("proven")).unwrap();
    let detail = proven.member("detail").unwrap();
    let instance =
        |of: &str| detail.member(of).unwrap().member("instance").unwrap().as_str().unwrap().to_owned();
    assert_eq!(instance("subject"), parent.instance.id.to_string());
    assert_eq!(instance("actor"), helper.instance.id.to_string());
}

#[tokio::test]
async fn another_agent_is_no_way_around_the_vetoes_and_gates_of_the_one_it_acts_for() {
    let gates = r#"
        @id("billing-never-closes") forbid (principal == Agent::"billing", action == Action::"crm.close_deal", resource);
        @id("billing-notes") @unless("approval") @approvers("sales-managers") @timeout("1h")
        forbid (principal == Agent::"billing", action == Action::"crm.add_note", resource);
    "#;
    let world = opened(builder().policies(gates)).await;
    let parent = world.agent("billing").on_behalf_of("bob").start().await;
    let helper = world.agent("scout").start().await;
    let pairs = [&[EXCHANGE][..], &subject(&parent.token, ACCESS_TOKEN_TYPE), &actor(&helper.token)].concat();
    let token = granted(&world.engine.token(request(&pairs)).await);
    answered(&calls(&world, bearer(&token), UPDATE, SMALL).await);
    refused(&calls(&world, bearer(&token), "crm.close_deal", SMALL).await, Code::NoGrant);
    refused(&calls(&world, bearer(&token), NOTE, "{}").await, Code::NoGrant);
    answered(&helper.calls(NOTE, "{}").await);
    // A gate that both meet is asked about once, as the child's.
    let large = super::crm::LARGE;
    refused(&calls(&world, bearer(&token), UPDATE, large).await, Code::ApprovalRequired);
}

#[tokio::test]
async fn an_identity_assertion_lets_its_client_act_for_the_person_once() {
    let (world, idp) = company().await;
    let key = with_key(&world).await;
    let assertion = |client: &str| {
        let claims = identity(&world, "bob", ISSUER)
            .with("client_id", client)
            .with("jti", unique())
            .with("exp", world.ports.clock.now().seconds() + 200)
            .with("scope", UPDATE);
        idp.token("oauth-id-jag+jwt", claims)
    };
    let grant = async |assertion: &str| {
        let pairs = [("grant_type", JWT_BEARER), ("assertion", assertion)];
        world.engine.token(signed(&world, &key, &pairs)).await
    };
    let once = assertion("billing");
    let token = granted(&grant(&once).await);
    answered(&calls(&world, bearer(&token), UPDATE, SMALL).await);
    refused(&calls(&world, bearer(&token), NOTE, "{}").await, Code::OutsideScope);
    denied(&grant(&once).await, "invalid_grant");
    denied(&grant(&assertion("scout")).await, "invalid_grant");
    let unsigned = [("grant_type", JWT_BEARER), ("assertion", &*assertion("billing"))];
    denied(&world.engine.token(request(&unsigned)).await, "invalid_client");
}

#[tokio::test]
async fn groups_of_the_identity_providers_token_are_the_persons_for_that_run_alone() {
    let veto = r#"@id("sales-only") @reason("sales alone") forbid (principal is User, action == Action::"crm.update_deal", resource)
unless { principal in Group::"sales" };"#;
    let idp = Signer::ed25519(30, "idp");
    let policy = builder().policies(veto);
    let world = opened(policy.issuer(issuer("idp", IssuerKind::Idp, IDP, fixed(&idp)))).await;
    let key = with_key(&world).await;
    let run = world.agent("billing").start().await;
    let claims = || identity(&world, "bob", "placet");
    let with = granted(
        &of_person(&world, &run, &idp.token("JWT", claims().with("groups", vec!["sales", "a b"]))).await,
    );
    let without = granted(&of_person(&world, &run, &idp.token("JWT", claims())).await);
    answered(&calls(&world, bearer(&with), UPDATE, SMALL).await);
    refused(&calls(&world, bearer(&without), UPDATE, SMALL).await, Code::Vetoed);
    // A part of the job that is handed on keeps them.
    let own = subject(&with, ACCESS_TOKEN_TYPE);
    let child = granted(&world.engine.token(signed(&world, &key, &[&[EXCHANGE][..], &own].concat())).await);
    answered(&calls(&world, bearer(&child), UPDATE, SMALL).await);
    // A veto may depend on a group: what cannot be read as a whole gives nothing.
    let many: Vec<String> = (0..257).map(|n| format!("g{n}")).collect();
    for claims in [
        claims().with("groups", "sales"),
        claims().with("groups", many.iter().map(String::as_str).collect::<Vec<_>>()),
        claims().with("groups", vec![1_i64]),
        claims().with("_claim_names", Object::new().with("groups", "src1")),
    ] {
        denied(&of_person(&world, &run, &idp.token("JWT", claims)).await, "access_denied");
    }
}
