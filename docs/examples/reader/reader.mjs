// Signs by the document of `countermark schemes --json`, for all schemes with [mac]. formats.mjs
// has formats that a single vendor needs, and rules.mjs refuses what must not be signed.
import { createHash, createHmac } from "node:crypto";

// Returns the token and the fields for the front end. `values` are the principal's, by name, `now`
// and `lifetime` are in seconds, and `uuid` is a random UUID.
export function sign(scheme, { secret, values, settings = {}, now, uuid, lifetime }) {
  const seconds = lifetime ?? scheme.lifetime;
  const template = scheme.token?.template ?? "{mac}";
  const written = isTable(template) ? json : String;
  const macOf = (message) => code(scheme.mac, secret, String(filled(message, find)));
  const computed = {
    now: () => now,
    uuid: () => uuid,
    lifetime: () => seconds,
    expires: () => seconds && Math.trunc(now) + seconds,
    settings: (name) => (settings[name] ?? known(scheme.settings, name).default) || undefined,
    payload: () => payloadOf(scheme.payload, find),
    mac: () => macOf(scheme.mac.message),
    macs: (name) => (isMissing(scheme.macs[name], find) ? undefined : macOf(scheme.macs[name])),
    key_prefix: () => secret.slice(0, known(scheme.secret ?? {}, "key_prefix")),
    token: () => encoded(written(filled(template, find)), scheme.token?.encoding),
  };
  const find = (name) => {
    const [first, second] = name.split(".");
    if (Object.hasOwn(computed, first)) return computed[first](second);
    const { lower, default: standard } = scheme.values?.[name] ?? {};
    const value = values[name] ?? standard;
    return lower ? value?.toLowerCase() : value;
  };
  return { token: find("token"), fields: filled(scheme.fields ?? {}, find) };
}

export function code(mac, secret, message) {
  const { algorithm, key = "text", construction = "hmac", encoding } = mac;
  const bytes = Buffer.from(secret, key === "text" ? "utf8" : key);
  const makers = {
    hmac: () => createHmac(algorithm, bytes).update(message),
    suffix: () => createHash(algorithm).update(message).update(bytes),
  };
  return encoded(known(makers, construction)().digest(), encoding);
}

function encoded(data, encoding = "none") {
  const bytes = Buffer.from(data);
  if (encoding === "hex-upper") return bytes.toString("hex").toUpperCase();
  return bytes.toString(encoding === "none" ? "utf8" : encoding);
}

// Fills in the placeholders of a template, or of the templates in a table or list.
function filled(content, find) {
  if (Array.isArray(content)) return content.map((item) => filled(item, find));
  if (isTable(content)) {
    const kept = entries(content).filter(([, item]) => !isLeftOut(item, find));
    return Object.fromEntries(kept.map(([name, item]) => [name, filled(item, find)]));
  }
  if (typeof content !== "string") return content;
  const placed = (placeholder) => valueIn(placeholder, find) ?? refuse(`${placeholder} is missing`);
  return /^\{[^{}]*\}$/.test(content) ? placed(content) : content.replace(/\{[^{}]*\}/g, placed);
}

function valueIn(placeholder, find) {
  const [, names, , format] = /^\{([^:?]+)(:([^?]+))?\??\}$/.exec(placeholder);
  const name = names.split("|").find((one) => find(one) !== undefined);
  return name && (format ? known(FORMATS, format)(find(name)) : find(name));
}

const isMissing = (template, find) =>
  template.match(/\{[^{}]*\}/g).some((placeholder) => valueIn(placeholder, find) === undefined);
const isLeftOut = (item, find) => /^\{.*\?\}$/.test(item) && isMissing(item, find);

const pairs = (table, write, mark) =>
  entries(table).map(([name, value]) => write(name) + mark + write(value));

export function json(value) {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(json).join()}]`;
  if (isTable(value)) return `{${pairs(value, json, ":").join()}}`;
  const escaped = (unit) => `\\u${unit.charCodeAt().toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\x7f-\uffff]/g, escaped);
}

const inHex = (character) => `%${character.charCodeAt().toString(16).toUpperCase()}`;
const percent = (text) => encodeURIComponent(text).replace(/[!'()*]/g, inHex);
const plus = (value) => percent(value).replaceAll("%20", "+");
const query = (write) => (table) => pairs(table, write, "=").join("&");
const PAYLOADS = { json, text: String, query: query(plus), "query-percent": query(percent) };
const payloadOf = ({ format, encoding, content }, find) =>
  encoded(known(PAYLOADS, format)(filled(content, find)), encoding);
const milliseconds = (seconds) => Math.trunc(seconds * 1000);
const iso = (seconds) => new Date(seconds * 1000).toISOString();
export const FORMATS = { s: Math.trunc, ms: milliseconds, iso, json, url: percent };

export const isTable = (value) => Object(value) === value && !Array.isArray(value);
export const entries = (table) => (table instanceof Map ? [...table] : Object.entries(table));
export const refuse = (reason) => {
  throw new Error(reason);
};
export const known = (words, word) =>
  Object.hasOwn(words, word) ? words[word] : refuse(`unknown word ${word}`);
