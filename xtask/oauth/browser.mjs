// A browser without a screen: keeps cookies by host, follows redirects one by one, fills in the identity provider's forms.
const STEPS = 20;

export class Browser {
  #jars = new Map();

  /** What is kept for a host, by name. */
  cookies(url) {
    const { host } = new URL(url);
    if (!this.#jars.has(host)) this.#jars.set(host, new Map());
    return this.#jars.get(host);
  }

  /** One exchange; redirects are not followed. */
  async open(url, options = {}) {
    const jar = this.cookies(url);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...options.headers, ...(cookie && { cookie }) };
    const answer = await fetch(url, { ...options, redirect: "manual", headers });
    const set = answer.headers.getSetCookie();
    for (const line of set) {
      const [name, value] = line.split(";")[0].split("=");
      if (/max-age=0/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    const location = answer.headers.get("location");
    return {
      status: answer.status, set, headers: answer.headers, text: await answer.text(),
      location: location && new URL(location, url),
    };
  }

  /** Signs a person in at the provider, from its first address to the one at which it sends the browser back. */
  async signIn(start, person, callback) {
    let next = { url: start, options: {} };
    for (let steps = 0; steps < STEPS; steps += 1) {
      const page = await this.open(next.url, next.options);
      if (page.location?.href.startsWith(callback)) return page.location;
      if (page.location) {
        next = { url: page.location, options: {} };
        continue;
      }
      const prompt = /name="prompt" value="(\w+)"/.exec(page.text)?.[1];
      const action = /<form[^>]* action="([^"]+)"/.exec(page.text)?.[1];
      if (!prompt || !action) {
        throw new Error(`the identity provider answered ${page.status}: ${page.text.slice(0, 300)}`);
      }
      const body = new URLSearchParams({ prompt, login: person, password: "x" });
      next = { url: new URL(action, next.url), options: { method: "POST", body } };
    }
    throw new Error("signing in does not end");
  }
}
