// Users sign in, sign out and switch, in this tab and in others.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { follow, refresh } from "./countermark.js";
import { hear, open, page, pass, response, settle, show, signedIn, widget } from "./page.mjs";

const ends = [];
beforeEach(open);
afterEach(async () => {
  ends.splice(0).forEach((end) => end());
  await settle();
});

async function following(name, scheme = "stigg", options = {}) {
  const end = follow(scheme, ...widget(name), options);
  ends.push(end);
  await settle();
  return end;
}

test("the widget of the user who is signed in starts", async () => {
  page.answer = () => signedIn("ann");
  await following();
  assert.deepEqual(page.log, ["+ann"]);
  const [{ url, credentials, cache }] = page.requests;
  assert.deepEqual(
    [url, credentials, cache],
    ["https://app.example/signatures", "same-origin", "no-store"],
  );
});

test("no widget starts for an anonymous user", async () => {
  page.answer = () => response(401);
  await following();
  await pass(3600);
  assert.deepEqual([page.log, page.requests.length], [[], 1]);
});

test("no widget starts without a marker, as while staff act as the user", async () => {
  page.answer = () => response(200, { stigg: { id: "ann" } });
  await following();
  assert.deepEqual(page.log, []);
});

test("vendors of one endpoint share a request", async () => {
  ends.push(follow("stigg", ...widget("s")));
  follow("knock", ...widget("k"))();
  let answer;
  page.answer = () => new Promise((resolve) => (answer = resolve));
  await settle();
  await following("t");
  answer(signedIn("ann"));
  await settle();
  assert.deepEqual([page.log, page.requests.length], [["s+ann", "t+ann"], 1]);
});

test("another user starts after the widgets of all vendors have stopped", async () => {
  page.answer = () => signedIn("ann", 0, "stigg", "knock");
  await following("s");
  await following("k", "knock");
  page.answer = () => signedIn("bob", 0, "stigg", "knock");
  await refresh();
  await settle();
  assert.deepEqual(page.log, ["s+ann", "k+ann", "s-", "k-", "s+bob", "k+bob"]);
});

test("the same user again changes nothing", async () => {
  page.answer = () => signedIn("ann");
  await following();
  await refresh();
  await show(true);
  assert.deepEqual([page.log, page.requests.length], [["+ann"], 3]);
});

test("the widget stops at logout, and when the vendor has no token for the user", async () => {
  for (const gone of [response(401), signedIn("ann", 0, "knock"), response(200, {})]) {
    page.answer = () => signedIn("ann");
    const end = await following();
    page.answer = () => gone;
    await refresh();
    await settle();
    end();
  }
  assert.deepEqual(page.log, ["+ann", "-", "+ann", "-", "+ann", "-"]);
});

test("the tab looks again when it becomes visible", async () => {
  page.answer = () => signedIn("ann");
  await following();
  page.answer = () => signedIn("bob");
  await show(false);
  assert.equal(page.requests.length, 1);
  await show(true);
  assert.deepEqual(page.log, ["+ann", "-", "+bob"]);
});

test("an answer that a newer request has overtaken is dropped", async () => {
  const answers = [];
  page.answer = () => new Promise((resolve) => answers.push(resolve));
  await following();
  const first = refresh();
  await settle();
  const second = refresh();
  await settle();
  answers[2](signedIn("bob"));
  await first;
  answers[1](signedIn("ann"));
  await second;
  await settle();
  assert.deepEqual(page.log, ["+bob"]);
  assert.deepEqual(
    page.requests.map(({ signal }) => signal.aborted),
    [true, true, false],
  );
});

test("stop waits for an asynchronous start, and users in between are skipped", async () => {
  let started;
  const start = ({ id }) => {
    page.log.push(`+${id}`);
    return new Promise((resolve) => (started = resolve));
  };
  const renew = () => page.log.push("~");
  ends.push(follow("stigg", start, () => page.log.push("-"), { renew }));
  for (const user of ["ann", "bob", "cat"]) {
    page.answer = () => signedIn(user);
    await refresh();
    await settle();
  }
  assert.deepEqual(page.log, ["+ann"]);
  started();
  await settle();
  assert.deepEqual(page.log, ["+ann", "-", "+cat"]);
  started();
});

test("an error of a widget is reported, and the widget is stopped all the same", async () => {
  page.answer = () => signedIn("ann", 0, "stigg", "knock");
  const fail = () => {
    throw new Error("blocked");
  };
  ends.push(follow("stigg", fail, () => page.log.push("-")));
  await following("k", "knock");
  page.answer = () => response(401);
  await refresh();
  await settle();
  assert.deepEqual([page.errors, page.log], [["blocked"], ["k+ann", "-", "k-"]]);
});

test("other tabs are sent the marker once, and never what they have sent", async () => {
  page.answer = () => signedIn("ann");
  await following();
  await refresh();
  page.answer = () => response(401);
  await refresh();
  await hear("m-bob");
  page.answer = () => signedIn("bob");
  await pass(1);
  assert.deepEqual(page.posted, ["m-ann", ""]);
  assert.equal(page.channels[0].name, "countermark https://app.example/signatures");
});

test("the marker of another user from another tab stops the widget at once", async () => {
  page.answer = () => signedIn("ann");
  await following();
  page.answer = () => signedIn("bob");
  await hear("m-bob");
  assert.deepEqual([page.log, page.requests.length], [["+ann", "-"], 1]);
  await pass(1);
  assert.deepEqual([page.log, page.requests.length], [["+ann", "-", "+bob"], 2]);
});

test("the marker of the same user from another tab changes nothing", async () => {
  page.answer = () => signedIn("ann");
  await following();
  await hear("m-ann");
  await pass(60);
  assert.deepEqual([page.log, page.requests.length], [["+ann"], 1]);
});

test("a tab in the background stops, and starts again when it becomes visible", async () => {
  page.answer = () => signedIn("ann");
  await following();
  await show(false);
  page.answer = () => signedIn("bob");
  await hear("m-bob");
  await pass(3600);
  assert.deepEqual([page.log, page.requests.length], [["+ann", "-"], 1]);
  await show(true);
  assert.deepEqual(page.log, ["+ann", "-", "+bob"]);
});

test("an answer that may be older than a logout in another tab is asked for again", async () => {
  let answer;
  page.answer = () => new Promise((resolve) => (answer = resolve));
  await following();
  await hear("");
  answer(signedIn("ann"));
  page.answer = () => response(401);
  await pass(1);
  assert.deepEqual([page.log, page.posted, page.requests.length], [[], [], 2]);
});

test("a tab with a user of its own starts again, and does not answer the other tab", async () => {
  page.answer = () => signedIn("ann");
  await following();
  await hear("m-bob");
  await pass(1);
  assert.deepEqual([page.log, page.posted], [["+ann", "-", "+ann"], ["m-ann"]]);
});

test("the function that follow returns stops the widget and ends the requests", async () => {
  page.answer = () => signedIn("ann", 60);
  const end = await following();
  end();
  end();
  await show(true);
  await pass(3600);
  assert.deepEqual([page.log, page.requests.length], [["+ann", "-"], 1]);
  assert.equal(page.channels[0].closed, true);
});

test("calling that function again does not affect those who follow later", async () => {
  page.answer = () => signedIn("ann");
  const end = await following();
  end();
  await following();
  end();
  page.answer = () => response(401);
  await refresh();
  await settle();
  assert.deepEqual(page.log, ["+ann", "-", "+ann", "-"]);
});

test("a widget may end itself and others", async () => {
  page.answer = () => signedIn("ann", 60, "stigg", "knock");
  const first = follow("knock", ...widget("k"));
  const second = follow(
    "stigg",
    () => [first, second].forEach((end) => end()),
    () => page.log.push("-"),
  );
  await pass(120);
  assert.deepEqual([page.log, page.requests.length], [["k+ann", "k-", "-"], 1]);
});

test("each endpoint has requests of its own, with the options of the page", async () => {
  page.answer = () => signedIn("ann");
  await following();
  const request = async () => ({ headers: { Authorization: "Bearer x" }, credentials: "include" });
  await following("", "stigg", { url: "https://api.example/me/tokens", request });
  await following("", "knock", { url: "https://api.example/me/tokens" });
  await refresh();
  const seen = page.requests.map(({ url, credentials, headers }) => [url, credentials, headers]);
  assert.deepEqual(seen.slice(2), [
    ["https://api.example/me/tokens", "include", { Authorization: "Bearer x" }],
    ["https://app.example/signatures", "same-origin", undefined],
    ["https://api.example/me/tokens", "include", { Authorization: "Bearer x" }],
  ]);
});
