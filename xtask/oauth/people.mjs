// People who sign in at the control API with `oidc-provider` as the company's identity provider: as a browser does it,
// and as somebody does it who has got hold of a part of another's sign-in.
import { Browser } from "./browser.mjs";
import { check, finish, must, world } from "./kit.mjs";

const CALLBACK = `${world.console}/sign-in/callback`;
const SESSION = "__Host-placet";
const FLAGS = ["path=/", "secure", "httponly", "samesite=strict"];

/** A browser that has been sent to the provider: by which address, and it may have been changed on the way. */
async function sent(change = () => {}, browser = new Browser()) {
  const page = await browser.open(`${world.console}/sign-in/provider?next=home`);
  must(page.status === 303 && page.location?.href.startsWith(world.idp), `${page.status} ${page.text}`);
  change(page.location.searchParams);
  return { browser, at: page.location };
}

/** A browser that a person has come back with; the answer to their sign-in has not been handed in. */
async function back(person, change) {
  const { browser, at } = await sent(change);
  return { browser, answer: await browser.signIn(at, person, CALLBACK) };
}

const opened = (page) => page.set.some((line) => line.startsWith(`${SESSION}=`) && !/max-age=0/i.test(line));

/** Asks the API with what a browser keeps. */
const ask = (browser, path = "/v1/agents", options) => browser.open(`${world.console}${path}`, options);

/** A sign-in that may not come to an end. */
async function refused(name, attempt) {
  await check(`sign-in: ${name} is refused`, async () => {
    const { browser, url } = await attempt();
    const page = await browser.open(url);
    must(page.status >= 400 && page.status !== 500 && !opened(page), `${page.status} ${page.text}`);
    const after = await ask(browser);
    must(after.status === 401, `the API answers ${after.status}`);
    return page.status;
  });
}

const changed = (url, changes) => {
  const made = new URL(url);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) made.searchParams.delete(name);
    else made.searchParams.set(name, value);
  }
  return made;
};

await check("sign-in: nobody is sent to the provider without PKCE by S256, a state and a nonce", async () => {
  const { at } = await sent();
  const of = (name) => at.searchParams.get(name) ?? "";
  must(of("response_type") === "code" && of("code_challenge_method") === "S256", at.href);
  return must(Math.min(...["state", "nonce", "code_challenge"].map((name) => of(name).length)) >= 43, at.href);
});

let used;
await check("sign-in: a person of the provider comes in, with the role of their group", async () => {
  used = await back("bob");
  const before = await ask(used.browser);
  must(before.status === 401, `before: ${before.status}`);
  used.browser.cookies(world.console).set(SESSION, "chosen-by-somebody");
  const page = await used.browser.open(used.answer);
  must(page.status === 200, `${page.status} ${page.text}`);
  const cookie = page.set.find((line) => line.startsWith(`${SESSION}=`));
  const flags = cookie.toLowerCase().split("; ").slice(1);
  must(FLAGS.every((flag) => flags.includes(flag)) && !cookie.toLowerCase().includes("domain"), cookie);
  must(used.browser.cookies(world.console).get(SESSION).length >= 43, "the session's name was chosen by somebody");
  const api = await ask(used.browser);
  must(api.status === 200, `the API: ${api.status} ${api.text}`);
  return flags.join(" ");
});

await check("sign-in: what the role does not hold is refused", async () => {
  const headers = { origin: world.console, "content-type": "application/json" };
  const body = JSON.stringify({ stops: "all", reason: "a check" });
  const answer = await ask(used.browser, "/v1/halts", { method: "POST", headers, body });
  return must(answer.status === 403, `${answer.status} ${answer.text}`);
});

await check("sign-in: a page of another site cannot use the session", async () => {
  const headers = { origin: "https://evil.example", "content-type": "application/json" };
  const answer = await ask(used.browser, "/sign-out", { method: "POST", headers, body: "{}" });
  must(answer.status === 403, `${answer.status} ${answer.text}`);
  return must((await ask(used.browser)).status === 200, "the session has ended");
});

await check("sign-in: a person without a group has no right", async () => {
  const { browser, answer } = await back("dan");
  must((await browser.open(answer)).status === 200, "they do not come in");
  const api = await ask(browser);
  return must(api.status === 403, `the API: ${api.status}`);
});

// A jar of its own, with the cookie that binds a sign-in: what a thief of a link has, and what only the browser has.
async function thief(browser) {
  const other = (await sent()).browser;
  return browser ? other : new Browser();
}
await refused("an answer that was handed in before", async () => {
  const browser = new Browser();
  for (const [name, value] of used.browser.cookies(world.console)) {
    if (name !== SESSION) browser.cookies(world.console).set(name, value);
  }
  return { browser, url: used.answer };
});
await refused("an answer in a browser that began nothing", async () => ({
  browser: await thief(false), url: (await back("bob")).answer,
}));
await refused("an answer in a browser that began another", async () => ({
  browser: await thief(true), url: (await back("bob")).answer,
}));
await refused("another state", async () => {
  const { browser, answer } = await back("bob");
  return { browser, url: changed(answer, { state: "A".repeat(43) }) };
});
await refused("no state", async () => {
  const { browser, answer } = await back("bob");
  return { browser, url: changed(answer, { state: undefined }) };
});
await refused("an id token with another nonce", async () => {
  const { browser, answer } = await back("bob", (query) => query.set("nonce", "B".repeat(43)));
  return { browser, url: answer };
});
await refused("an id token without a nonce", async () => {
  const { browser, answer } = await back("bob", (query) => query.delete("nonce"));
  return { browser, url: answer };
});
await refused("a code of another challenge", async () => {
  const { browser, answer } = await back("bob", (query) => query.set("code_challenge", "C".repeat(43)));
  return { browser, url: answer };
});
await refused("another's code in one's own answer", async () => {
  const [mine, theirs] = [await back("dan"), await back("bob")];
  const code = theirs.answer.searchParams.get("code");
  return { browser: mine.browser, url: changed(mine.answer, { code }) };
});
await refused("an answer that names another issuer", async () => {
  const { browser, answer } = await back("bob");
  return { browser, url: changed(answer, { iss: "https://evil.example" }) };
});
await refused("an answer that names no issuer, where the provider always does", async () => {
  const { browser, answer } = await back("bob");
  return { browser, url: changed(answer, { iss: undefined }) };
});
await refused("an error of the provider", async () => {
  const { browser, answer } = await back("bob");
  return { browser, url: changed(answer, { code: undefined, error: "access_denied" }) };
});
await refused("an address that the provider has not verified", async () => {
  const { browser, answer } = await back("eve");
  return { browser, url: answer };
});
await refused("a person who is not declared", async () => {
  const { browser, answer } = await back("mallory");
  return { browser, url: answer };
});

await check("sign-in: signing out ends the session, for whoever kept its cookie too", async () => {
  const kept = used.browser.cookies(world.console).get(SESSION);
  const answer = await ask(used.browser, "/sign-out", { method: "POST", headers: { origin: world.console } });
  must(answer.status < 400, `${answer.status} ${answer.text}`);
  const browser = new Browser();
  browser.cookies(world.console).set(SESSION, kept);
  return must((await ask(browser)).status === 401, "it has not");
});

finish();
