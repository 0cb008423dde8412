// Refuses what must not be signed: `sign(scheme, checked(scheme, { secret, principal, … }))`.
import { entries, isTable, known, refuse } from "./reader.mjs";

// A key that is missing here could change the token.
const KEYS = {
  secret: "variable chosen refuse_prefixes shapes environments rotation key_prefix",
  settings: "variable default",
  values: "kind charset lower pattern refuse_prefixes refuse_containing apart_from default id_at",
  payload: "format encoding content",
  mac: "algorithm key construction message encoding",
  token: "template encoding header request_header",
};
const SECRETS = {
  text: /^/,
  hex: /^([0-9a-f]{2})+$/i,
  base64: /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
};
const KINDS = {
  integer: Number.isSafeInteger,
  boolean: (value) => typeof value === "boolean",
  list: Array.isArray,
  object: isTable,
};
const CHARSETS = { any: /^/, ascii: /^[\0-\x7f]*$/ };
// 1 to 512 characters without control characters, and without white space at the ends.
const TEXT = /^(?!\p{Zs})[^\0-\x1f\x7f-\x9f\u2028\u2029\p{Cs}]{1,512}(?<!\p{Zs})$/u;
const OWN = ["id", "email", "phone", "name", "created"];
const present = (table) => entries(table ?? {}).filter(([, value]) => (value ?? null) !== null);

// Returns the argument of `sign`. The principal has an id, email, phone, name, created (seconds
// since the epoch) and attributes, of which all may be missing but one of the first three.
export function checked(scheme, { principal, ...given }) {
  const { settings = {}, values = {}, mac, lifetime: seconds } = scheme;
  checkKeys(scheme);
  checkSettings(settings, given.settings ?? {});
  const { min_lifetime: least = 1, max_lifetime: most = 100 * 365 * 86400 } = scheme;
  const lifetime = given.lifetime ?? seconds ?? most;
  if (!Number.isInteger(lifetime) || lifetime < least || lifetime > most)
    refuse("invalid lifetime");
  if (!known(SECRETS, mac.key ?? "text").test(given.secret)) refuse("the secret has another form");
  const shown = scheme.secret?.key_prefix ?? 0;
  const isHidden = Buffer.byteLength(given.secret.slice(shown)) >= 16;
  if (shown && !(isHidden && CHARSETS.ascii.test(given.secret.slice(0, shown))))
    refuse("the secret is too short to show its beginning");
  return { ...given, values: checkedValues(principal, values) };
}

function checkKeys(scheme) {
  const check = (place, table = {}) => {
    for (const key of Object.keys(table))
      if (!KEYS[place].split(" ").includes(key)) refuse(`unknown key ${key} in [${place}]`);
  };
  for (const place of ["secret", "payload", "mac", "token"]) check(place, scheme[place]);
  for (const place of ["settings", "values"])
    for (const table of Object.values(scheme[place] ?? {})) check(place, table);
}

function checkSettings(settings, given) {
  for (const name of Object.keys(given)) known(settings, name);
  for (const [name, setting] of Object.entries(settings)) {
    const value = given[name] ?? setting.default;
    const isVisible = typeof value === "string" && /^(?! )[ -~]+(?<! )$/.test(value);
    const isLeftOut = value === "" && setting.default === "";
    if (!isVisible && !isLeftOut) refuse(`the setting ${name} is missing or invalid`);
  }
}

// The rules of a value apply when it is used, so that {id|email} does not need a valid address.
function checkedValues({ id, email, phone, name, created, attributes }, rules) {
  const values = Object.create(null);
  const put = (key, get) => Object.defineProperty(values, key, { get });
  for (const [key, value] of present({ id, email, phone, name: cleaned(name) })) {
    const text = checkedText(value, key);
    put(key, () => checkedText(text, key, rules[key]));
  }
  for (const [key, value] of present(attributes))
    if (Object.hasOwn(rules, key) && !OWN.includes(key))
      put(key, () => checkedValue(value, key, rules[key], `${id ?? ""}`));
  if ((id ?? email ?? phone ?? null) === null) refuse("a principal needs an id, email or phone");
  if (!(email ?? "@").includes("@")) refuse("the e-mail address has no @");
  const isTime = typeof created === "number" && created >= 0 && created < 253402300800; // year 10000
  if (!isTime && (created ?? null) !== null) refuse("created is not in seconds");
  put("created", () => created ?? undefined);
  return values;
}

function checkedValue(value, name, rule, id) {
  if ((rule.kind ?? "text") === "text") return checkedText(value, name, rule);
  if (!known(KINDS, rule.kind)(value)) refuse(`${name} is not of the kind ${rule.kind}`);
  const inside = (table, key) => (isTable(table) ? new Map(entries(table)).get(key) : undefined);
  const found = rule.id_at?.split(".").reduce(inside, value) ?? id;
  if (found !== id) refuse(`${name} names another user`);
  checkNumbers(value);
  return value;
}

function checkedText(value, name, rule = {}) {
  const given = typeof value === "bigint" || Number.isSafeInteger(value) ? String(value) : value;
  const { charset = "any", lower = false, pattern = ".*" } = rule;
  const { refuse_prefixes: prefixes = [], refuse_containing: parts = [] } = rule;
  const text = lower ? String(given).toLowerCase() : given;
  const fits =
    typeof given === "string" &&
    TEXT.test(given) &&
    (!lower || [...given].every(hasOneCasePair)) &&
    known(CHARSETS, charset).test(text) &&
    !prefixes.some((prefix) => text.startsWith(prefix)) &&
    !parts.some((part) => text.includes(part)) &&
    new RegExp(`^(?:${pattern})$`, "u").test(text);
  return fits ? given : refuse(`${name} breaks a rule`); // the reader puts it into lower case
}

function hasOneCasePair(character) {
  const small = character.toLowerCase();
  const isSure = small === character || small.toUpperCase() === character;
  return isSure && !/[\u03a3\p{Cn}]/u.test(character);
}

function cleaned(name) {
  if ((name ?? null) === null) return name;
  const words = name.split(/[\t-\r\x1c-\x1f\x85\u2028\u2029\p{Zs}]+/u);
  const clean = words.map((word) => word.replace(/[\0-\x1f\x7f-\x9f\p{Cs}]/gu, ""));
  return clean.filter(Boolean).join(" ") || undefined;
}

function checkNumbers(value) {
  const inner = isTable(value) ? entries(value).map(([, item]) => item) : value;
  if (Array.isArray(inner)) inner.forEach(checkNumbers);
  else if (typeof inner === "number" && !Number.isFinite(inner)) refuse("a number is not finite");
}
