// The formats that a single vendor needs each. Import this file to add them to the reader.
import { entries, FORMATS, isTable, refuse } from "./reader.mjs";

// Novu: the canonical JSON of OLPC.
FORMATS["canonical-json"] = function canonicalJson(value) {
  if (typeof value === "string") return `"${wellFormed(value).replace(/["\\]/g, "\\$&")}"`;
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (isTable(value)) {
    const pairs = entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${pairs.map((pair) => pair.map(canonicalJson).join(":")).join()}}`;
  }
  return Number.isSafeInteger(Number(value)) ? String(value) : refuse("a number is not whole");
};

// LaunchDarkly: the fully qualified key of a context.
FORMATS["launchdarkly-key"] = (value) => {
  if (!isTable(value)) return value;
  const context = new Map(entries(value));
  const kind = context.get("kind");
  if (typeof kind !== "string") refuse("a context needs a kind");
  context.delete("kind");
  const contexts = kind === "multi" ? [...context] : [[kind, context]];
  const isUser = contexts.length === 1 && contexts[0][0] === "user";
  if (isUser || !contexts.length) refuse("a user is signed by the principal's id");
  return contexts
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(qualified)
    .join(":");
};

function qualified([kind, context]) {
  const key = isTable(context) ? new Map(entries(context)).get("key") : undefined;
  const fits = /^(?!(kind|multi)$)[\w.-]+$/.test(kind) && typeof key === "string" && key;
  if (!fits) refuse("a context needs a kind and a key");
  return `${kind}:${wellFormed(key).replaceAll("%", "%25").replaceAll(":", "%3A")}`;
}

function wellFormed(text) {
  return text.isWellFormed() ? text : refuse("a value holds a lone surrogate");
}
