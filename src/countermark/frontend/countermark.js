/*! countermark, MIT licence. */
// Starts and stops the widgets of vendors as users sign in and out. Nothing is stored.

const sessions = new Map(); // by URL of the endpoint

// The page's clock stops while the computer sleeps and the wall clock can be set, so a
// moment is a pair of both. It has come when one of the clocks has passed it.
const after = (ms, [page, wall] = [performance.now(), Date.now()]) => [page + ms, wall + ms];
const left = ([page, wall]) => Math.min(page - performance.now(), wall - Date.now());

class Session {
  followers = new Set();
  request; // returns more options of fetch
  #url;
  #channel;
  #marker; // of the last answer; "": no user; undefined: no answer yet
  #known; // the last marker that other tabs sent or were sent
  #heard; // the marker that another tab has sent since the current request began
  #asking; // the promise of the current request
  #controller;
  #suspect = false; // the user may have changed, according to the page
  #failures = 0;
  #due = after(Infinity);
  #timer;
  #ended = new AbortController();

  constructor(url) {
    this.#url = url;
    const on = (target, type, run) =>
      target.addEventListener(type, run, { signal: this.#ended.signal });
    on(document, "visibilitychange", () => this.#wake());
    on(globalThis, "online", () => {
      this.#failures = 0;
      this.#wake();
    });
    // The back/forward cache keeps a page for later, without running it.
    on(globalThis, "pagehide", () => this.#pause());
    on(globalThis, "pageshow", (event) => {
      if (!event.persisted) return;
      this.#open();
      this.#suspect = true;
      this.#failures = 0;
      this.#wake();
    });
    this.#open();
  }

  end() {
    this.#ended.abort();
    this.#pause();
  }

  // Returns the promise of the payload; undefined if it is not known.
  ask(suspect) {
    this.#suspect ||= suspect;
    this.#controller?.abort();
    const controller = (this.#controller = new AbortController());
    const start = after(0);
    const timer = setTimeout(() => controller.abort(), 30_000);
    this.#heard = undefined;
    this.#plan(Infinity);
    this.#asking = this.#request(controller.signal).then((found) => {
      clearTimeout(timer);
      // Otherwise a newer request has replaced this one, or the session has ended.
      return controller === this.#controller ? this.#take(found, start) : this.#asking;
    });
    return this.#asking;
  }

  join(follower) {
    this.followers.add(follower);
    if (!this.#asking && !this.#failures) this.ask();
  }

  async fresh(scheme, marker) {
    const ended = this.#ended.signal.aborted;
    const payload = ended ? undefined : await (this.#asking ?? this.ask());
    if (payload?.marker !== marker || !payload[scheme]) {
      throw new Error("countermark: no token, or another user");
    }
    return payload[scheme];
  }

  #open() {
    this.#channel = new BroadcastChannel(`countermark ${this.#url}`);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
  }

  #pause() {
    clearTimeout(this.#timer);
    this.#channel.close();
    this.#controller?.abort();
    this.#controller = this.#asking = undefined;
  }

  #hear(marker) {
    this.#heard = this.#known = marker;
    if (marker === this.#marker && !this.#asking) return;
    if (!this.#asking) this.#plan(1000 * Math.random()); // tabs in turn
    this.#release(marker);
  }

  async #request(signal) {
    try {
      const response = await fetch(this.#url, {
        cache: "no-store",
        credentials: "same-origin",
        ...(await this.request?.()),
        signal,
      });
      if (response.status === 401) return { payload: {} };
      if (response.ok) return { payload: await response.json() };
      return { wait: Number(response.headers.get("Retry-After")) };
    } catch {
      return {};
    }
  }

  #take({ payload, wait = 0 }, start) {
    this.#asking = undefined;
    if (!payload) {
      const pause = Math.min(2 ** this.#failures++, 300) * (0.5 + Math.random());
      this.#plan(1000 * Math.max(pause, Math.min(wait || 0, 3600)));
      if (this.#suspect) this.#release();
      return undefined;
    }
    this.#failures = 0;
    const marker = payload.marker ?? "";
    if ((this.#heard ?? marker) !== marker) {
      this.#plan(1000 * Math.random()); // this answer may be older than the other tab's
      return undefined;
    }
    this.#suspect = false;
    // Not in reply to another tab, or two tabs with a user each would never stop.
    const isNews = marker !== this.#marker && marker !== this.#known;
    this.#marker = marker;
    if (isNews) this.#channel.postMessage((this.#known = marker));
    this.#release(marker); // all vendors, before one is started again
    let next = Infinity;
    for (const follower of this.followers) {
      const identity = marker && payload[follower.scheme];
      if (!identity) follower.want();
      else if (!follower.wanted || left(follower.wanted.due) <= 0) {
        const life = payload.expires_in?.[follower.scheme] ?? Infinity;
        const due = after(1000 * Math.max(5, life * (0.7 + 0.2 * Math.random())), start);
        follower.want({ marker, identity, due });
      }
      if (follower.wanted) next = Math.min(next, left(follower.wanted.due));
    }
    if (this.#controller) this.#plan(next); // unless a callback has ended the session
    return payload;
  }

  // Stops what runs for another user.
  #release(marker) {
    for (const follower of this.followers) {
      if (follower.wanted && follower.wanted.marker !== marker) follower.want();
    }
  }

  #plan(ms) {
    this.#due = after(ms);
    this.#tick();
  }

  // A tab in the background makes no requests: they would keep the session from expiring.
  #tick() {
    clearTimeout(this.#timer);
    const wait = left(this.#due);
    if (document.hidden || wait === Infinity) return;
    const run = () => (left(this.#due) > 0 ? this.#tick() : this.ask());
    // Again each minute, because the computer may have slept.
    this.#timer = setTimeout(run, Math.ceil(Math.max(0, Math.min(wait, 60_000))));
  }

  #wake() {
    if (this.#failures) this.#tick();
    else this.#plan(0);
  }
}

class Follower {
  wanted;
  #running;
  #busy = false;
  #session;
  #calls;

  constructor(session, scheme, calls) {
    this.scheme = scheme;
    this.#session = session;
    this.#calls = calls;
  }

  // Calls start, renew and stop, one after the other, until what is wanted runs.
  async want(wanted) {
    this.wanted = wanted;
    if (this.#busy) return;
    this.#busy = true;
    while (this.#running !== this.wanted) {
      try {
        await this.#step(this.#running, this.wanted);
      } catch (error) {
        reportError(error);
      }
    }
    this.#busy = false;
  }

  #step(running, wanted) {
    const { start, stop, renew } = this.#calls;
    const renews = renew && running?.marker === wanted?.marker;
    this.#running = running && !renews ? undefined : wanted;
    if (!this.#running) return stop();
    if (renews) return renew(wanted.identity);
    return start(wanted.identity, () => this.#session.fresh(this.scheme, wanted.marker));
  }
}

export function follow(scheme, start, stop, { url = "/signatures", renew, request } = {}) {
  const address = new URL(url, document.baseURI).href;
  const session = sessions.get(address) ?? new Session(address);
  sessions.set(address, session);
  session.request = request ?? session.request;
  const follower = new Follower(session, scheme, { start, stop, renew });
  session.join(follower);
  return () => {
    if (!session.followers.delete(follower)) return;
    follower.want();
    if (session.followers.size) return;
    session.end();
    sessions.delete(address);
  };
}

export async function refresh() {
  await Promise.all([...sessions.values()].map((session) => session.ask(true)));
}
