// Signs with the reference reader: a line of JSON in, a line out. JSON of values that JavaScript
// reads differently is tagged: {"$map": [[name, value]]} keeps an order, {"$whole": "digits"} is
// a BigInt and {"$float": "NaN"} a number.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [folder, document] = process.argv.slice(2);
const { code, sign } = await import(`${folder}/reader.mjs`);
const { checked } = await import(`${folder}/rules.mjs`);
await import(`${folder}/formats.mjs`);
const { schemes } = JSON.parse(readFileSync(document, "utf8"));

function untagged(name, value) {
  if (value?.$map) return new Map(value.$map);
  if (value?.$whole) return BigInt(value.$whole);
  return value?.$float ? Number(value.$float) : value;
}

function tagged(name, value) {
  if (value instanceof Map) return { $map: [...value] };
  return typeof value === "bigint" ? { $whole: String(value) } : value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const {
    slug,
    scheme = schemes[slug],
    message,
    pattern,
    texts,
    ...given
  } = JSON.parse(line, untagged);
  let answer;
  try {
    if (pattern) {
      const whole = new RegExp(`^(?:${pattern})$`, "u");
      answer = texts.map((text) => whole.test(text));
    } else if (message) answer = { token: code(scheme.mac, given.secret, message) };
    else answer = sign(scheme, checked(scheme, given));
  } catch (error) {
    answer = { refused: String(error) };
  }
  console.log(JSON.stringify(answer, tagged));
}
