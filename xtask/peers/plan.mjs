// Carries out a plan against targets and writes down what the client saw. A plan is a list of steps; each
// ends in a result or an error, under its label. The scripts beside this one say how their library does a step.
import { readFileSync, writeFileSync } from "node:fs";

const ANSWERS = { name: "Ada Lovelace", check: true, email: "ada@example.com", integer: 7, username: "ada" };

/** The accepted content for a form: what it asks for and we know. */
export function accepted(schema) {
  const asked = schema?.properties ?? {};
  return Object.fromEntries(Object.entries(ANSWERS).filter(([key]) => key in asked));
}

/** The steps on a connected client, whose methods are alike in both versions of the SDK. */
async function carryOut(client, extra, { label, do: what, ...step }) {
  const call = (options) => extra.call({ name: step.tool, arguments: step.arguments ?? {} }, options);
  switch (what) {
    case "server":
      return {
        revision: extra.revision(),
        info: client.getServerVersion(),
        capabilities: client.getServerCapabilities(),
        instructions: client.getInstructions(),
      };
    case "ping": return client.ping();
    case "tools": return client.listTools();
    case "call": return call();
    case "progress": {
      const progress = [];
      const onprogress = ({ progress: done, total, message }) => progress.push([done, total ?? null, message ?? null]);
      return { result: await call({ onprogress }), progress };
    }
    case "cancel": {
      const signal = AbortSignal.timeout(step.after * 1000);
      try {
        await call({ signal });
        return "ended before it was cancelled";
      } catch (error) {
        if (signal.aborted) return "cancelled";
        throw error;
      }
    }
    case "resources": return client.listResources();
    case "templates": return client.listResourceTemplates();
    case "read": return client.readResource({ uri: step.uri });
    case "prompts": return client.listPrompts();
    case "prompt": return client.getPrompt({ name: step.name, arguments: step.arguments });
    case "complete":
      return client.complete({
        ref: { type: "ref/prompt", name: step.prompt },
        argument: { name: step.argument, value: step.value },
      });
    default: throw new Error(`no step ${what}`);
  }
}

/** Runs the plan; `connect` gives a connected client and what its version does differently. */
export async function run(connect) {
  const [planFile, seenFile] = process.argv.slice(2);
  const seen = {};
  for (const target of JSON.parse(readFileSync(planFile)).targets) {
    const tour = (seen[target.name] = {});
    let client;
    try {
      const connected = await connect(target);
      client = connected.client;
      for (const step of target.steps) {
        try {
          tour[step.label ?? step.do] = await carryOut(client, connected, step);
        } catch (error) {
          tour[step.label ?? step.do] = { error: `${error.name}: ${error.message}` };
        }
      }
    } catch (error) {
      tour.connect = { error: `${error.name}: ${error.message}` };
    }
    await connectedClose(client);
  }
  writeFileSync(seenFile, JSON.stringify(seen, null, 1));
  process.exit(0);
}

async function connectedClose(client) {
  try {
    await client?.transport?.terminateSession?.();
    await client?.close();
  } catch (error) {
    console.error(error);
  }
}
