// A page without a browser: its clock, its server and its other tabs do what a test says.

const realImmediate = setImmediate;
const timers = new Map();
let now, wall, serial;

export let page;

/** Makes a new page, with a log of the calls of widgets and of the errors in them. */
export function open() {
  timers.clear();
  [now, wall, serial] = [0, 1_800_000_000_000, 0];
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), {
    hidden: false,
    baseURI: "https://app.example/inbox",
  });
  page = { window, document, log: [], errors: [], requests: [], posted: [], channels: [] };
  page.answer = () => new Promise(() => {});
  const globals = {
    document,
    addEventListener: window.addEventListener.bind(window),
    performance: { now: () => now },
    Date: class extends Date {
      static now = () => wall;
    },
    setTimeout: (run, ms) => {
      // As in browsers, where a longer time overflows.
      timers.set(++serial, { run, at: now + (ms > 2 ** 31 - 1 ? 0 : ms) });
      return serial;
    },
    clearTimeout: (id) => timers.delete(id),
    reportError: (error) => page.errors.push(error.message),
    fetch: (url, init) => {
      if (init.signal.aborted) return Promise.reject(init.signal.reason);
      page.requests.push({ url, ...init });
      return new Promise((resolve, reject) => {
        init.signal.addEventListener("abort", () => reject(init.signal.reason));
        Promise.resolve(page.answer(url, init)).then(resolve, reject);
      });
    },
    BroadcastChannel: class {
      constructor(name) {
        page.channels.push(Object.assign(this, { name }));
      }
      postMessage(message) {
        if (this.closed) throw new Error("the channel is closed");
        page.posted.push(message);
      }
      close() {
        this.closed = true;
      }
    },
  };
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  return page;
}

/** Returns a response, as far as the module reads it. */
export function response(status, payload, headers = {}) {
  return { status, ok: status === 200, json: async () => payload, headers: new Headers(headers) };
}

/** Returns the endpoint's response for a user, with the lifetime of their token. */
export function signedIn(user, life, ...schemes) {
  const payload = { marker: `m-${user}` };
  for (const scheme of schemes.length ? schemes : ["stigg"]) {
    payload[scheme] = { id: user, token: `${scheme}-${user}-${page.requests.length}` };
    if (life) payload.expires_in = { ...payload.expires_in, [scheme]: life };
  }
  return response(200, payload);
}

/** Returns the functions of a widget that logs its calls. */
export function widget(name = "") {
  return [(identity) => page.log.push(`${name}+${identity.id}`), () => page.log.push(`${name}-`)];
}

/** Waits until all promises that can settle have settled. */
export async function settle() {
  for (let i = 0; i < 5; i++) await new Promise(realImmediate);
}

/** Lets time pass, on both clocks or on the wall clock alone, as while a computer sleeps. */
export async function pass(seconds, { asleep = false } = {}) {
  if (asleep) {
    wall += seconds * 1000;
    return;
  }
  const end = now + seconds * 1000;
  for (;;) {
    await settle();
    const due = [...timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at)[0];
    if (!due) break;
    timers.delete(due[0]);
    wall += Math.max(0, due[1].at - now);
    now = Math.max(now, due[1].at);
    due[1].run();
  }
  wall += end - now;
  now = end;
  await settle();
}

/** Hides or shows the tab. */
export async function show(visible) {
  page.document.hidden = !visible;
  page.document.dispatchEvent(new Event("visibilitychange"));
  if (visible) await pass(0);
}

/** Sends a marker from another tab. */
export async function hear(marker) {
  page.channels.filter((one) => !one.closed).forEach((one) => one.onmessage({ data: marker }));
  await settle();
}

/** Fires an event of the window, with properties. */
export async function fire(type, properties = {}) {
  page.window.dispatchEvent(Object.assign(new Event(type), properties));
  await pass(0);
}
