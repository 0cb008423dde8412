// Fills in what only a browser can see. The rest of the page works without it.
import { follow } from "./countermark.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const page = read("data");
const base = `/schemes/${page.slug}/`;
const signatures = `${base}api/users/current/signatures`;
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function conclude(id, good, text) {
  const element = document.getElementById(id);
  element.textContent = text;
  element.classList.add(good ? "yes" : "no");
}

// Where the token is.

async function showPlaces() {
  const fresh = { cache: "no-store" };
  const [own, answer] = await Promise.all([fetch(base, fresh), fetch(signatures, fresh)]);
  const endpoint = answer.ok ? (await answer.json())[page.slug] : undefined;
  const places = [["state", page.token, page.token]];
  if (page.header) places.push(["header", own.headers.get(page.header), page.token]);
  places.push(["endpoint", endpoint ?? null, page.fields]);
  places.push(["template", read("state")[page.slug] ?? null, page.fields]);
  const all = places.map((place) => showPlace(...place));
  if (all.includes("no")) conclude("verdict", false, "A value differs.");
  else if (!page.token) conclude("verdict", true, "No token anywhere.");
  else if (all.includes("new")) {
    conclude("verdict", true, "The same user everywhere; each response has a new token.");
  } else conclude("verdict", true, "All equal.");
}

function showPlace(place, value, expected) {
  const row = document.querySelector(`[data-place="${place}"]`);
  const [cell, answer] = row.querySelectorAll("td");
  if (place === "header") showToken(cell, value ?? "none");
  if (place === "endpoint") cell.textContent = value ? JSON.stringify(value, null, 2) : "none";
  // A token with a time or a random value is another one in each response.
  const renewed = page.changing && value !== null && expected !== null;
  const found = same(value, expected) ? "yes" : renewed ? "new" : "no";
  answer.textContent = { yes: "yes", new: "new", no: "NO" }[found];
  answer.className = found === "no" ? "no" : "yes";
  return found;
}

// The three parts of a JWT have colours of their own.
function showToken(cell, token) {
  const parts = page.jwt ? token.split(".") : [token];
  cell.textContent = parts.length === 3 ? "" : token;
  if (parts.length !== 3) return;
  for (const [index, part] of parts.entries()) {
    const span = document.createElement("span");
    span.className = `t${index + 1}`;
    span.textContent = part;
    cell.append(index ? "." : "", span);
  }
}

// Accepted or refused.

const vendors = {
  stigg: ({ customerId, customerToken }) => {
    const { path, key } = page.standIn;
    return fetch(`${path}/v1/c/${customerId}/entitlements.json`, {
      headers: { "X-API-KEY": key, ...(customerToken && { "X-CUSTOMER-KEY": customerToken }) },
    });
  },
  "cognito-flow": (user) => {
    const { path, key, template } = page.standIn;
    const body = JSON.stringify({ publishableKey: key, templateId: template, user });
    return fetch(`${path}/flow_sessions`, { method: "POST", body });
  },
};

function askService(token) {
  const headers = token ? { [page.sentIn]: token } : {};
  return fetch(`${base}service/?${new URLSearchParams({ [page.claim]: page.id })}`, { headers });
}

async function showAttempts() {
  const rows = document.querySelectorAll("#answers tr");
  if (!rows.length) return;
  const attempts = read("attempts").map((attempt, index) => showAttempt(rows[index], attempt));
  const good = (await Promise.all(attempts)).every(Boolean);
  conclude("answers-verdict", good, good ? "All as expected." : "An answer is not as expected.");
}

async function showAttempt(row, attempt) {
  const cells = [...row.querySelectorAll("td")];
  const last = cells.pop();
  const asked = [[askService(attempt.token), attempt.for_service]];
  if (page.standIn) {
    asked.unshift([vendors[page.slug](attempt.fields), attempt.to_be_accepted]);
  }
  let expected = true;
  for (const [number, [answer, accepted]] of asked.entries()) {
    const { ok, status } = await answer;
    cells[number].textContent = `${ok ? "accepted" : "refused"} (${status})`;
    cells[number].className = ok ? "yes" : "no";
    expected &&= ok === accepted;
  }
  last.textContent = expected ? "yes" : "NO";
  last.className = expected ? "yes" : "no";
  return expected;
}

// From monitor to enforce.

async function showCounts() {
  const counts = await (await fetch(`${base}counts`)).json();
  const reasons = Object.entries(counts.reasons).map((reason) => reason.join(" "));
  const texts = { ...counts, reasons: reasons.join(", ") || "none" };
  for (const element of document.querySelectorAll("[data-count]")) {
    element.textContent = texts[element.dataset.count];
  }
}

function watchCounts() {
  if (!document.querySelector("[data-count]")) return;
  setInterval(() => document.hidden || showCounts().catch(() => {}), 1000);
}

// Two tabs, one user.

function followUser() {
  const [lamp, widget, log, notice] = ["lamp", "widget", "log", "changed"].map((id) =>
    document.getElementById(id),
  );
  const show = (name, call) => {
    lamp.className = name ? "on" : "";
    widget.textContent = name ? `The widget runs for ${name}.` : "The widget is stopped.";
    const line = document.createElement("li");
    line.textContent = `${new Date().toLocaleTimeString()}  ${call}`;
    log.append(line);
    notice.hidden = name === page.user;
    const who = name ? `${name} is signed in now` : "The user has signed out";
    notice.textContent = notice.hidden ? "" : `${who}, in another tab. Reload this page.`;
  };
  widget.textContent = "The widget is stopped.";
  const start = async () => {
    const { name } = await (await fetch("/current-user")).json();
    show(name ?? "", `start for ${name}`);
  };
  const renew = () => show(page.user, "renew");
  follow(page.slug, start, () => show("", "stop"), { url: signatures, renew });
}

// Caches.

async function showKind(row) {
  const names = ["cache-control", "vary", "etag", page.header?.toLowerCase()].filter(Boolean);
  const { headers } = await fetch(`${base}cache/${row.dataset.kind}`, { cache: "no-store" });
  const found = names.filter((name) => headers.has(name));
  row.querySelector("td:last-child").textContent = found
    .map((name) => `${name}: ${headers.get(name)}`)
    .join("\n");
}

followUser();
const kinds = [...document.querySelectorAll("[data-kind]")].map(showKind);
await Promise.all([showPlaces(), showAttempts(), ...kinds]);
await showCounts();
watchCounts();
document.documentElement.dataset.ready = "";
