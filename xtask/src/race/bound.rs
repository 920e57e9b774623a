//! What an approval is bound to. One thing is changed at a time: the changed call must ask anew and reach nobody,
//! and the call that was approved must still run, once.

use std::{fs, thread::sleep, time::Duration};

use serde_json::{Value, json};

use super::{LOST, POLICY, Table};
use crate::{
    caller::{Answer, Caller},
    failure::Failure,
};

/// Longer than approvals can be used at the brief table.
const LATER: Duration = Duration::from_millis(1_300);

impl Table {
    /// Holds the gateway to every rule; returns their names.
    pub(super) fn bindings(&mut self) -> Result<Vec<&'static str>, Failure> {
        self.arguments()?;
        self.spelling()?;
        self.others()?;
        self.replay_and_denial()?;
        self.crashes()?;
        self.policy()?;
        self.pin()?;
        Ok(vec![
            "arguments",
            "spelling",
            "tool",
            "agent",
            "instance",
            "user",
            "replay",
            "replay after a restart",
            "denial",
            "denial after a restart",
            "crash before the tool",
            "crash behind the tool",
            "policy",
            "pin",
        ])
    }

    /// An approval that was not used in time.
    pub(super) fn expiry(&mut self) -> Result<Vec<&'static str>, Failure> {
        let arguments = self.approved("late")?;
        sleep(LATER);
        let answer = self.call(&arguments)?;
        self.must_ask("an expired approval", &answer);
        self.nothing("late")?;
        Ok(vec!["expiry"])
    }

    /// Asks and approves; the arguments.
    fn approved(&self, notes: &str) -> Result<Value, Failure> {
        let arguments = json!({ "deal_id": "789", "notes": notes, "amount": 500 });
        let ticket = self.ask(&arguments)?;
        self.operator.answer(&ticket, true)?;
        Ok(arguments)
    }

    /// The approved call runs, and runs once.
    fn still_once(&mut self, what: &str, arguments: &Value) -> Result<(), Failure> {
        let notes = arguments.get("notes").and_then(Value::as_str).unwrap_or_default().to_owned();
        let answer = self.call(arguments)?;
        let fine = answer.refused.is_none() && !answer.is_error;
        self.expect(fine, || format!("{what}: the approved call does not run: {}", answer.message));
        let again = self.call(arguments)?;
        self.must_ask(&format!("{what}, repeated"), &again);
        let times = self.times(&notes)?;
        self.expect(times == 1, || format!("{what}: the CRM did it {times} times"));
        self.clear()
    }

    fn must_ask(&mut self, what: &str, answer: &Answer) {
        let asks = answer.refused.as_deref().is_some_and(|code| LOST.contains(&code));
        self.expect(asks, || format!("{what}: {}", answer.message));
    }

    fn nothing(&mut self, notes: &str) -> Result<(), Failure> {
        let times = self.times(notes)?;
        self.expect(times == 0, || format!("the CRM did {notes} {times} times"));
        self.clear()
    }

    fn arguments(&mut self) -> Result<(), Failure> {
        let arguments = self.approved("bound")?;
        let changes = [
            ("amount", json!(501)),
            ("amount", json!(500.5)),
            ("amount", json!(-500)),
            ("amount", json!("500")),
            ("amount", Value::Null),
            ("deal_id", json!("790")),
            ("deal_id", json!(789)),
            ("notes", json!("bound ")),
            ("notes", json!("Bound")),
            ("notes", json!("bo\u{200b}und")),
            ("notes", json!("bo\u{0075}\u{0308}nd")),
            ("stage", json!("Closed Won")),
            ("unknown", json!(1)),
        ];
        for (key, value) in changes {
            let mut changed = arguments.clone();
            changed
                .as_object_mut()
                .into_iter()
                .for_each(|all| drop(all.insert(key.to_owned(), value.clone())));
            let answer = self.call(&changed)?;
            self.expect(answer.refused.is_some(), || format!("`{key}` {value} ran: {}", answer.message));
        }
        let mut fewer = arguments.clone();
        fewer.as_object_mut().into_iter().for_each(|all| drop(all.remove("amount")));
        let answer = self.call(&fewer)?;
        self.must_ask("an argument less", &answer);
        self.nothing("bound")?;
        self.still_once("arguments", &arguments)
    }

    /// The same value in another spelling is the same call.
    fn spelling(&mut self) -> Result<(), Failure> {
        let spellings = [
            r#"{"amount":500,"notes":"@","deal_id":"789"}"#,
            "{ \"notes\" : \"@\",\n\"amount\" :\t5e2 , \"deal_id\":\"789\"}",
            r#"{"notes":"\u0040","deal_id":"\u00378\u0039","amount":500.0}"#,
        ];
        for (number, spelling) in spellings.into_iter().enumerate() {
            let notes = format!("spelling-{number}");
            let arguments = self.approved(&notes)?;
            let spelling = spelling.replace('@', &notes).replace("\\u0040", &notes.replace('s', "\\u0073"));
            let answer = self.caller().call_with_text("update_deal", &spelling, "race")?;
            let fine = answer.refused.is_none() && !answer.is_error;
            self.expect(fine, || format!("{spelling} is another call: {}", answer.message));
            let again = self.call(&arguments)?;
            self.must_ask("an approval used in another spelling", &again);
            let times = self.times(&notes)?;
            self.expect(times == 1, || format!("the CRM did {notes} {times} times"));
            self.clear()?;
        }
        Ok(())
    }

    /// Another tool, agent, instance or user.
    fn others(&mut self) -> Result<(), Failure> {
        let delete = json!({ "deal_id": "other-tool" });
        let ticket = self.ask(&delete)?;
        self.operator.answer(&ticket, true)?;
        let answer = self.caller().call("delete_deal", &delete, "race")?;
        self.must_ask("another tool", &answer);
        self.nothing("other-tool")?;

        let arguments = self.approved("others")?;
        for (what, agent, user) in [
            ("another agent", "other-agent", "bob"),
            ("another instance", "agent", "bob"),
            ("another user", "agent", "dan"),
        ] {
            let token = self.operator.start(agent, Some(user))?;
            let mut caller = Caller::new(self.place.address(), &token);
            let answer = caller.call("update_deal", &arguments, "race")?;
            self.must_ask(what, &answer);
        }
        self.nothing("others")?;
        self.still_once("others", &arguments)
    }

    fn replay_and_denial(&mut self) -> Result<(), Failure> {
        let used = self.approved("used")?;
        self.still_once("replay", &used)?;
        let denied = json!({ "deal_id": "789", "notes": "denied" });
        let ticket = self.ask(&denied)?;
        self.operator.answer(&ticket, false)?;
        let unused = self.approved("unused")?;
        for restart in [false, true] {
            if restart {
                self.place.stop();
                self.place.start()?;
            }
            let answer = self.call(&denied)?;
            let stays = answer.refused.as_deref() == Some("PL-1302");
            self.expect(stays, || format!("denied, restarted {restart}: {}", answer.message));
            let turned = self.operator.answer(&ticket, true);
            self.expect(turned.is_err(), || "a denial was turned into an approval".to_owned());
        }
        let answer = self.call(&used)?;
        let runs = answer.refused.is_none();
        self.expect(!runs, || format!("replayed after a restart: {}", answer.message));
        let times = self.times("used")?;
        self.expect(times == 1, || format!("used {times} times after a restart"));
        self.nothing("denied")?;
        self.still_once("an approval kept over a restart", &unused)
    }

    /// A crash burns the approval, whether or not the tool was reached.
    fn crashes(&mut self) -> Result<(), Failure> {
        for (failpoint, times) in [("before-forward:0", 0), ("after-forward:0", 1)] {
            let arguments = self.approved(failpoint)?;
            self.place.stop();
            self.place.start_with(&[("PLACET_FAILPOINT", failpoint)])?;
            let lost = self.call(&arguments);
            self.expect(lost.is_err(), || format!("{failpoint} was answered"));
            self.place.start()?;
            let answer = self.call(&arguments)?;
            self.must_ask(failpoint, &answer);
            let seen = self.times(failpoint)?;
            self.expect(seen == times, || format!("{failpoint}: the CRM did it {seen} times"));
            self.clear()?;
        }
        Ok(())
    }

    fn policy(&mut self) -> Result<(), Failure> {
        let arguments = self.approved("policy")?;
        let another = format!("{POLICY}\n@id(\"another\")\npermit (principal is Agent, action, resource);\n");
        let path = self.place.home().with_file_name("policies/check.cedar");
        fs::write(path, another)?;
        self.operator.ask("POST", "/v1/policies/reload", &json!({}))?;
        let answer = self.call(&arguments)?;
        self.must_ask("another policy", &answer);
        self.nothing("policy")
    }

    fn pin(&mut self) -> Result<(), Failure> {
        let arguments = self.approved("pin")?;
        self.shift.shift();
        self.place.stop();
        self.place.start()?;
        let answer = self.call(&arguments)?;
        let quarantined = answer.refused.as_deref() == Some("PL-1205");
        self.expect(quarantined, || format!("a changed tool: {}", answer.message));
        self.operator.ask("POST", "/v1/connectors/crm/accept", &json!({}))?;
        let answer = self.call(&arguments)?;
        self.must_ask("an accepted change of the tool", &answer);
        self.nothing("pin")
    }
}
