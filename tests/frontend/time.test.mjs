// Tokens expire, computers sleep, clocks are set and servers fail.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { follow, refresh } from "./countermark.js";
import { fire, hear, open, page, pass, response, settle, show, signedIn, widget } from "./page.mjs";

const ends = [];
beforeEach(open);
afterEach(async () => {
  ends.splice(0).forEach((end) => end());
  await settle();
});

async function following(options = {}) {
  ends.push(follow("stigg", ...widget(), options));
  await settle();
}

const renewing = { renew: ({ id }) => page.log.push(`~${id}`) };

test("a token is renewed before it expires, and not earlier", async () => {
  page.answer = () => signedIn("ann", 600);
  await following(renewing);
  await pass(0.65 * 600);
  await show(true);
  assert.deepEqual(page.log, ["+ann"]);
  await pass(0.3 * 600);
  assert.deepEqual(page.log, ["+ann", "~ann"]);
  await pass(6 * 600);
  assert.ok(page.requests.length < 12, `${page.requests.length} requests`);
});

test("without renew, the widget is stopped and started", async () => {
  page.answer = () => signedIn("ann", 600);
  await following();
  await pass(600);
  assert.deepEqual(page.log, ["+ann", "-", "+ann"]);
});

test("renew is not called for another user", async () => {
  page.answer = () => signedIn("ann", 600);
  await following(renewing);
  page.answer = () => signedIn("bob", 600);
  await pass(560);
  assert.deepEqual(page.log, ["+ann", "-", "+bob"]);
});

test("a token without a lifetime costs no further request", async () => {
  page.answer = () => signedIn("ann");
  await following();
  await pass(30 * 86400);
  assert.equal(page.requests.length, 1);
});

test("a lifetime beyond the longest timer is no reason to ask at once", async () => {
  page.answer = () => signedIn("ann", 100 * 86400);
  await following();
  await pass(86400);
  assert.equal(page.requests.length, 1);
});

test("a token that has expired on arrival is not renewed in a loop", async () => {
  page.answer = () => signedIn("ann", 0.001);
  await following(renewing);
  await pass(60);
  assert.ok(page.requests.length <= 13, `${page.requests.length} requests`);
});

test("a tab in the background renews when it becomes visible", async () => {
  page.answer = () => signedIn("ann", 600);
  await following(renewing);
  await pass(100);
  await show(false);
  await pass(3600);
  assert.deepEqual([page.log, page.requests.length], [["+ann"], 1]);
  await show(true);
  assert.deepEqual([page.log, page.requests.length], [["+ann", "~ann"], 2]);
});

test("after the computer has slept, the token is renewed within a minute", async () => {
  page.answer = () => signedIn("ann", 36000);
  await following(renewing);
  await pass(30);
  await pass(36000, { asleep: true });
  await pass(61);
  assert.deepEqual(page.log, ["+ann", "~ann"]);
});

test("a wall clock that is set back or ahead neither delays a renewal nor repeats it", async () => {
  page.answer = () => signedIn("ann", 600);
  await following(renewing);
  await pass(-365 * 86400, { asleep: true });
  await pass(600);
  assert.deepEqual(page.log, ["+ann", "~ann"]);
  await pass(10 * 365 * 86400, { asleep: true });
  await pass(240);
  assert.deepEqual([page.log, page.requests.length], [["+ann", "~ann", "~ann"], 3]);
});

test("the time that an answer takes counts", async () => {
  page.answer = async () => {
    await new Promise((resolve) => setTimeout(resolve, 25_000));
    return signedIn("ann", 60);
  };
  await following(renewing);
  await pass(55);
  assert.equal(page.requests.length, 2);
});

test("a page that comes back from the back/forward cache asks, and hears other tabs", async () => {
  page.answer = () => signedIn("ann", 600);
  await following();
  await fire("pageshow", { persisted: false });
  await fire("pagehide");
  await pass(3600);
  assert.deepEqual([page.requests.length, page.channels[0].closed], [1, true]);
  page.answer = () => signedIn("bob");
  await fire("pageshow", { persisted: true });
  assert.deepEqual(page.log, ["+ann", "-", "+bob"]);
  await hear("");
  assert.deepEqual(page.log, ["+ann", "-", "+bob", "-"]);
});

test("a page that comes back while the server fails shows no widget", async () => {
  page.answer = () => signedIn("ann");
  await following();
  await fire("pagehide");
  page.answer = () => response(503);
  await fire("pageshow", { persisted: true });
  assert.deepEqual(page.log, ["+ann", "-"]);
});

test("a page that comes back after failures asks at once", async () => {
  page.answer = () => signedIn("ann", 1);
  await following();
  page.answer = () => response(503);
  await pass(3600);
  await fire("pagehide");
  page.answer = () => signedIn("bob");
  await fire("pageshow", { persisted: true });
  assert.deepEqual(page.log, ["+ann", "-", "+bob"]);
});

test("a request that is under way when the page is put away is dropped", async () => {
  let answer;
  page.answer = () => new Promise((resolve) => (answer = resolve));
  await following();
  await fire("pagehide");
  answer(signedIn("ann"));
  await pass(60);
  assert.deepEqual([page.log, page.requests.length], [[], 1]);
});

test("while the server fails, the widget stays and requests become fewer", async () => {
  page.answer = () => signedIn("ann");
  await following();
  await refresh();
  page.answer = () => response(503);
  await show(true);
  await pass(60);
  const early = page.requests.length - 2;
  assert.ok(early > 2 && early < 12, `${early} requests in the first minute`);
  await pass(3600);
  const late = page.requests.length - early;
  assert.ok(late < 36, `${late} requests in the next hour`);
  assert.deepEqual(page.log, ["+ann"]);
  page.answer = () => signedIn("bob");
  await pass(450);
  assert.deepEqual(page.log, ["+ann", "-", "+bob"]);
  page.answer = () => response(401);
  await show(true);
  assert.deepEqual(page.log, ["+ann", "-", "+bob", "-"]);
});

test("Retry-After is respected, also when the tab becomes visible, for an hour at most", async () => {
  page.answer = () => response(503, {}, { "Retry-After": "900" });
  await following();
  await pass(800);
  await show(false);
  await show(true);
  await following();
  assert.equal(page.requests.length, 1);
  page.answer = () => response(503, {}, { "Retry-After": "86400" });
  await pass(101);
  assert.equal(page.requests.length, 2);
  page.answer = () => response(503, {}, { "Retry-After": "Mon, 30 Nov 2026 10:00:00 GMT" });
  await pass(3601);
  assert.equal(page.requests.length, 3);
  page.answer = () => signedIn("ann");
  await pass(7);
  assert.deepEqual(page.log, ["+ann", "+ann"]);
});

test("a page that is no JSON, and a broken connection, are failures", async () => {
  const notJson = { ...response(200), json: () => Promise.reject(new SyntaxError("<html>")) };
  for (const answer of [() => notJson, () => Promise.reject(new TypeError("offline"))]) {
    page.answer = () => signedIn("ann");
    await refresh();
    await following();
    page.answer = answer;
    await show(true);
    assert.equal(page.log.at(-1), "+ann");
    ends.pop()();
    await settle();
  }
});

test("the tab asks at once when it is online again", async () => {
  page.answer = () => Promise.reject(new TypeError("offline"));
  await following();
  for (let i = 0; i < 5; i++) await pass(10);
  page.answer = () => signedIn("ann");
  await fire("online");
  assert.deepEqual(page.log, ["+ann"]);
});

test("a failure after refresh stops the widget, since the user may have changed", async () => {
  page.answer = () => signedIn("ann");
  await following();
  page.answer = () => response(503);
  await refresh();
  await settle();
  assert.deepEqual(page.log, ["+ann", "-"]);
  page.answer = () => signedIn("ann");
  await pass(2);
  assert.deepEqual(page.log, ["+ann", "-", "+ann"]);
});

test("a request without an answer fails after half a minute", async () => {
  await following();
  page.answer = () => signedIn("ann");
  await pass(29);
  assert.equal(page.requests.length, 1);
  await pass(4);
  assert.deepEqual([page.log, page.requests.length], [["+ann"], 2]);
});

test("fresh returns a new token of the same user", async () => {
  let fresh;
  page.answer = () => signedIn("ann");
  ends.push(
    follow(
      "stigg",
      (identity, another) => (fresh = another),
      () => {},
    ),
  );
  await settle();
  assert.equal((await fresh()).token, "stigg-ann-2");
  let answer;
  page.answer = () => new Promise((resolve) => (answer = resolve));
  const waiting = [fresh()];
  await settle();
  waiting.push(fresh());
  answer(signedIn("ann"));
  const tokens = (await Promise.all(waiting)).map(({ token }) => token);
  assert.deepEqual(tokens, ["stigg-ann-3", "stigg-ann-3"]);
});

test("fresh fails for another user, without a token and without an answer", async () => {
  const failures = [signedIn("bob"), signedIn("ann", 0, "knock"), response(401), response(503)];
  for (const answer of failures) {
    let fresh;
    page.answer = () => signedIn("ann");
    const end = follow(
      "stigg",
      (identity, another) => (fresh = another),
      () => {},
    );
    await settle();
    page.answer = () => answer;
    await assert.rejects(fresh(), /no token, or another user/);
    end();
  }
});

test("fresh makes no request after the last widget has ended", async () => {
  page.answer = () => signedIn("ann");
  let fresh;
  const end = follow(
    "stigg",
    (identity, another) => (fresh = another),
    () => {},
  );
  await settle();
  end();
  page.answer = () => response(503);
  await assert.rejects(fresh(), /no token, or another user/);
  await pass(3600);
  assert.equal(page.requests.length, 1);
});

test("fresh may be called by start itself", async () => {
  const tokens = [];
  page.answer = () => signedIn("ann", 600);
  const start = async (identity, fresh) => tokens.push((await fresh()).token);
  ends.push(follow("stigg", start, () => {}));
  await settle();
  assert.deepEqual([tokens, page.requests.length], [["stigg-ann-2"], 2]);
});
