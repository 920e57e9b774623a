use placet_domain::{AgentName, InstanceId};

use super::*;
use crate::{Claims, KeySet, TokenKey, Trust};

const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);
const AUDIENCE: &str = "https://placet.example/mcp";

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn deployment() -> Deployment {
    Deployment { issuer: "https://placet.example".into(), audience: AUDIENCE.into() }
}

fn instance(number: u8) -> InstanceId {
    InstanceId::new(NOW, [number; 10])
}

fn own(number: u8) -> AccessToken {
    let agent: AgentName = format!("agent-{number}").parse().unwrap();
    AccessToken::new(&Claims { instance: instance(number), agent, expires: later(900) }, "own", AUDIENCE, NOW)
}

fn rule() -> ExchangeRule {
    ExchangeRule {
        audiences: vec![AUDIENCE.into()],
        scope: "crm mail.send".parse().unwrap(),
        life: Duration::from_secs(7_200),
    }
}

/// What an IdP says about Ana, signed and verified.
fn ana(extra: &str) -> ForeignClaims {
    let key = TokenKey::from_seed(&[9; 32]).unwrap();
    let keys = KeySet::new(std::sync::Arc::new(TokenKey::from_seed(&[9; 32]).unwrap()));
    let keys = Json::Object(keys.verifying().jwks(NOW)).canonical();
    let claims = format!(
        r#"{{"iss":"https://idp.example","aud":"placet","sub":"u-1","iat":{},"exp":{}{extra}}}"#,
        NOW.seconds(),
        later(600).seconds()
    );
    let claims = Json::parse(claims.as_bytes()).unwrap().as_object().unwrap().clone();
    let header = placet_domain::Object::new().with("alg", "EdDSA").with("kid", key.id());
    Trust::new("https://idp.example", "placet", crate::Jwks::parse(keys.as_bytes()).unwrap())
        .verify(&key.sign(header, claims), NOW)
        .unwrap()
}

fn person() -> PersonName {
    "ana@example.com".parse().unwrap()
}

fn request<'a>(subject: ExchangeSubject<'a>, actor: &'a AccessToken) -> ExchangeRequest<'a> {
    ExchangeRequest {
        subject,
        actor,
        scope: None,
        targets: &[],
        requested_type: None,
        proved: None,
        id: "new",
    }
}

fn code(request: &ExchangeRequest<'_>, now: Timestamp) -> OAuthCode {
    rule().grant(&deployment(), request, now).unwrap_err().code
}

#[test]
fn an_instance_takes_up_a_persons_authority() {
    let (person, claims, actor) = (person(), ana(""), own(1));
    let subject = ExchangeSubject::Person { person: &person, claims: &claims };
    let granted = rule().grant(&deployment(), &request(subject, &actor), NOW).unwrap();
    assert_eq!(granted.person(), Some(&person));
    assert_eq!((granted.instance(), granted.agent.as_str()), (instance(1), "agent-1"));
    assert_eq!(granted.expires, later(600), "the subject token ends first");
    assert_eq!(granted.scope.unwrap().to_string(), "crm mail.send");
    assert_eq!(granted.audience, AUDIENCE);
}

#[test]
fn a_sub_agent_takes_up_its_parents_authority_and_no_more() {
    let parent = own(1).within("crm.get_deal billing".parse().unwrap());
    let child = own(2);
    let granted = rule().grant(&deployment(), &request(ExchangeSubject::Own(&parent), &child), NOW).unwrap();
    assert_eq!(granted.delegation, Delegation::new(instance(2), vec![instance(1)], None).unwrap());
    assert_eq!(granted.scope.unwrap().to_string(), "crm.get_deal");
}

#[test]
fn scope_only_narrows() {
    let parent = own(1).within("crm.get_deal".parse().unwrap());
    let child = own(2);
    let base = request(ExchangeSubject::Own(&parent), &child);
    for scope in ["crm", "*", "crm.get_deal mail.send", "mail.send", "", "mcp:tools", "crm  mail"] {
        let request = ExchangeRequest { scope: Some(scope), ..base };
        assert_eq!(code(&request, NOW), OAuthCode::InvalidScope, "{scope:?}");
    }
    let request = ExchangeRequest { scope: Some("crm.get_deal:Deal/D-1"), ..base };
    let granted = rule().grant(&deployment(), &request, NOW).unwrap();
    assert_eq!(granted.scope.unwrap().to_string(), "crm.get_deal:Deal/D-1");
    let nothing = own(2).within("mail".parse().unwrap());
    assert_eq!(
        code(&ExchangeRequest { actor: &nothing, ..base }, NOW),
        OAuthCode::InvalidScope,
        "nothing in common"
    );
}

#[test]
fn audience_only_narrows() {
    let (parent, child) = (own(1), own(2));
    let base = request(ExchangeSubject::Own(&parent), &child);
    for targets in [
        &["https://placet.example"][..],
        &["https://placet.example/mcp2"],
        &["https://api.bank.example"],
        &["https://placet.example/mcp/../x"],
        &["https://placet.example/mcp/crm?x"],
        &["https://placet.example/mcp/crm#x"],
        &["https://user@placet.example/mcp/crm"],
        &["crm"],
        &[""],
        &["https://placet.example/mcp/crm", "https://placet.example/mcp/mail"],
    ] {
        let request = ExchangeRequest { targets, ..base };
        assert_eq!(code(&request, NOW), OAuthCode::InvalidTarget, "{targets:?}");
    }
    let narrow = ExchangeRequest { targets: &["https://placet.example/mcp/crm"], ..base };
    assert_eq!(rule().grant(&deployment(), &narrow, NOW).unwrap().audience, "https://placet.example/mcp/crm");
    let narrowed = AccessToken { audience: "https://placet.example/mcp/mail".into(), ..own(1) };
    let swap = ExchangeRequest { subject: ExchangeSubject::Own(&narrowed), ..narrow };
    assert_eq!(code(&swap, NOW), OAuthCode::InvalidTarget);
}

#[test]
fn life_never_exceeds_a_token_or_an_hour() {
    let (parent, child) = (own(1), own(2));
    let base = request(ExchangeSubject::Own(&parent), &child);
    assert_eq!(rule().grant(&deployment(), &base, later(10)).unwrap().expires, later(900));
    let long = AccessToken { expires: later(9_000), ..own(1) };
    let long_actor = AccessToken { expires: later(9_000), ..own(2) };
    let granted =
        rule().grant(&deployment(), &request(ExchangeSubject::Own(&long), &long_actor), NOW).unwrap();
    assert_eq!(granted.expires, later(3_600));
    let ended = AccessToken { expires: NOW, ..own(1) };
    let request = ExchangeRequest { subject: ExchangeSubject::Own(&ended), ..base };
    assert_eq!(code(&request, NOW), OAuthCode::InvalidRequest);
    assert_eq!(code(&base, later(900)), OAuthCode::InvalidRequest);
}

#[test]
fn chains_do_not_close_or_grow_beyond_three() {
    let exchange = |subject: &AccessToken, actor: &AccessToken| {
        rule().grant(&deployment(), &request(ExchangeSubject::Own(subject), actor), NOW)
    };
    let two = exchange(&own(1), &own(2)).unwrap();
    let three = exchange(&two, &own(3)).unwrap();
    assert_eq!(three.delegation.parents(), [instance(2), instance(1)]);
    assert_eq!(exchange(&three, &own(4)).unwrap_err().code, OAuthCode::InvalidRequest);
    assert_eq!(exchange(&two, &own(1)).unwrap_err().code, OAuthCode::InvalidRequest);
    assert_eq!(exchange(&own(1), &own(1)).unwrap_err().code, OAuthCode::InvalidRequest);
    assert_eq!(exchange(&own(3), &two).unwrap_err().code, OAuthCode::InvalidRequest);
}

#[test]
fn only_the_actor_that_may_act_does() {
    let (person, actor) = (person(), own(1));
    for (extra, granted) in [
        (r#","may_act":{"sub":"agent-1"}"#.to_owned(), true),
        (format!(r#","may_act":{{"iss":"https://placet.example","sub":"{}"}}"#, instance(1)), true),
        (r#","may_act":{"client_id":"agent-1"}"#.to_owned(), true),
        (r#","may_act":{"sub":"agent-2"}"#.to_owned(), false),
        (r#","may_act":{"sub":"agent-1","iss":"https://other.example"}"#.to_owned(), false),
        (r#","may_act":{}"#.to_owned(), false),
        (r#","may_act":"agent-1""#.to_owned(), false),
        (r#","act":{"sub":"agent-1"}"#.to_owned(), false),
        (r#","cnf":{"jkt":"x"}"#.to_owned(), false),
    ] {
        let claims = ana(&extra);
        let subject = ExchangeSubject::Person { person: &person, claims: &claims };
        let result = rule().grant(&deployment(), &request(subject, &actor), NOW);
        assert_eq!(result.is_ok(), granted, "{extra}");
    }
}

#[test]
fn a_bound_actor_proves_its_key_and_nothing_but_access_tokens_are_issued() {
    let thumbprint: Thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".parse().unwrap();
    let (parent, child) = (own(1), own(2).bound_to(thumbprint));
    let base = request(ExchangeSubject::Own(&parent), &child);
    assert_eq!(code(&base, NOW), OAuthCode::InvalidRequest);
    let proved = ExchangeRequest { proved: Some(thumbprint), ..base };
    assert_eq!(rule().grant(&deployment(), &proved, NOW).unwrap().bound_to, Some(thumbprint));
    let refresh = "urn:ietf:params:oauth:token-type:refresh_token";
    assert_eq!(
        code(&ExchangeRequest { requested_type: Some(refresh), ..proved }, NOW),
        OAuthCode::InvalidRequest
    );
}
