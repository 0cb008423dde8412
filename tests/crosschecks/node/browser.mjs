// Runs the line for the front end with a vendor's browser SDK, and writes what the SDK sends.
import { readFileSync } from "node:fs";

const { sdk, frontend, identity } = JSON.parse(readFileSync(0, "utf8"));
const sent = [];
const nothing = () => {};
const element = { appendChild: nothing, setAttribute: nothing };
const document = {
  addEventListener: nothing,
  removeEventListener: nothing,
  createElement: () => ({ ...element }),
  getElementsByTagName: () => [element],
  head: element,
  visibilityState: "visible",
};
Object.assign(globalThis, { window: globalThis, document, location: new URL("http://page.example") });
Object.assign(globalThis, { addEventListener: nothing, removeEventListener: nothing });
Object.defineProperty(globalThis, "navigator", { value: { userAgent: "" }, configurable: true });
globalThis.fetch = async (url) => {
  sent.push(String(url));
  return new Response("{}", { headers: { "content-type": "application/json" } });
};
// Lets the first request of an SDK be the result, without a response.
const firstRequest = () =>
  new Promise((done) => {
    globalThis.fetch = (url, { headers, body }) => {
      done({ path: new URL(url).pathname, headers, body });
      return new Promise(nothing);
    };
  });
const run = (names) => new Function(...Object.keys(names), frontend)(...Object.values(names));

const sdks = {
  launchdarkly: async () => {
    const { createClient } = await import("@launchdarkly/js-client-sdk");
    const options = { sendEvents: false, streaming: false, diagnosticOptOut: true };
    let client;
    const quiet = (id, context) => (client = createClient(id, context, options));
    run({ createClient: quiet, identity });
    await client.waitForInitialization();
    return sent.filter((url) => url.includes("/contexts/"));
  },
  "channel-talk": async () => {
    const { boot, loadScript } = await import("@channel.io/channel-web-sdk-loader");
    loadScript();
    boot({ pluginKey: "PLUGIN_KEY", ...identity });
    run({ identity });
    return window.ChannelIO.q.map((call) => [...call].slice(0, 2));
  },
  crisp: async () => {
    const [email, hmac] = identity["user:email"];
    const { Crisp } = await import("crisp-sdk-web");
    const pushed = { theirs: [], ours: [] };
    window.$crisp = { push: (entry) => pushed.theirs.push(entry), is: () => false };
    Crisp.configure("00000000-0000-0000-0000-000000000000", { autoload: false });
    Crisp.user.setEmail(email, hmac);
    window.$crisp = { push: (entry) => pushed.ours.push(entry) };
    run({ identity });
    return { ...pushed, theirs: pushed.theirs.filter(([, name]) => name === "user:email") };
  },
  "featurebase-jwt": async () => {
    const { boot } = await import("featurebase-js");
    const calls = [];
    const Featurebase = (...call) => calls.push(call.slice(0, 2));
    Object.assign(window, { Featurebase });
    Object.assign(document, { getElementById: () => null });
    boot({ appId: "APP_ID", ...identity });
    run({ Featurebase, identity });
    return calls;
  },
  knock: async () => {
    const request = firstRequest();
    const { default: Knock } = await import("@knocklabs/client");
    run({ Knock, identity });
    return request;
  },
  saasquatch: async () => {
    const request = firstRequest();
    Object.assign(globalThis, { HTMLElement: class {}, customElements: { get: nothing, define: nothing } });
    const { default: squatch } = await import("@saasquatch/squatch-js");
    squatch.init({ tenantAlias: "tenant" });
    run({ squatch, identity });
    return request;
  },
  suprsend: async () => {
    const request = firstRequest();
    const storage = { getItem: () => null, setItem: nothing, removeItem: nothing };
    Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
    const { SuprSend } = await import("@suprsend/web-sdk");
    run({ SuprSend, identity });
    return request;
  },
};
console.log(JSON.stringify(await sdks[sdk]()));
process.exit(0);
