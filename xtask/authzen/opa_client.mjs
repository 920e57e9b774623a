// Decisions by the client of OPA, in OPA's own interface.
import { OPAClient } from "@open-policy-agent/opa";

const [base, token] = process.argv.slice(2);
const client = new OPAClient(base, { headers: { authorization: `Bearer ${token}` } });
const ask = (subject, action, resource) => client.evaluate("placet/allow", {
  subject: { type: "user", id: subject },
  action: { name: action },
  resource: { type: "record", id: resource },
});
let wrong = 0;
for (const [subject, action, resource, expected] of [
  ["alice", "read", "record-1", true],
  ["alice", "write", "record-1", true],
  ["bob", "write", "record-1", false],
  ["alice", "write", "record-2", false],
  ["mallory", "read", "record-1", false],
]) {
  const seen = await ask(subject, action, resource);
  if (seen !== expected) {
    wrong += 1;
    console.log("wrong", subject, action, resource, seen);
  }
}
const whole = await client.evaluate("placet/decision", {
  subject: { type: "user", id: "bob" }, action: { name: "write" }, resource: { type: "record", id: "record-1" },
});
if (whole.allow !== false || !whole.context.reason) {
  wrong += 1;
  console.log("wrong", whole);
}
console.log(`6 decisions asked by @open-policy-agent/opa, ${wrong} wrong`);
process.exit(wrong ? 1 : 0);
