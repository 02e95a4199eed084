// Validate nlptrain.json as nlptrain_runtime/description.py does: a changed description may have a matching hash.
// tests/runtime/cases.json has descriptions that both must reject.

import { OVERLAPS } from "./windows.js";

export const PRECISIONS = [["int8", "_quantized"], ["fp16", "_fp16"], ["fp32", ""]]; // file endings, the smallest first
export const FORBIDDEN = -1e8;
export const INPUT_FILES = { pieces: "tokenizer.json", pooled: "tokenizer.json", words: "words.json" };

const FORMAT = 1;
const MAX_LABELS = 10000, MAX_LABELS_WITH_TRANSITIONS = 1000, INT32 = 2 ** 31 - 1;
const MAX_BYTES = 64 * 2 ** 20;
const PREFIXES = { iob1: "BI", iob2: "BI", iobes: "BIES", bilou: "BILU" };
const PATTERNS = {
  0: "5d11c7d36ed8b680311fd6fab0d056719250aa5b85664a04bdcb7b2ccb78f439",
  1: "407ea3910cb9c7e07e6ef2bf8964b95cd49d25600cd9c21955c8f7c8671d06a6",
  2: "72cda93c84944c91df8f27e4ff75eb3c7074eaa6c8bae5fb7f09e4ebb31e5205",
};
/** A relative path without "..", a root or a drive. */
export const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;

/** A folder that this page cannot use; the message is `LOCATION: FOUND; expected EXPECTED; HINT`. */
export class FolderError extends Error {}

/** A number with a point or an exponent in JSON: 64.0 is no whole number in Python. */
class Float {
  constructor(value) { this.value = value; }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Float);
const isWhole = (value, low, high) => Number.isInteger(value) && low <= value && value <= high;
const isNumber = (value, low, high) => {
  const plain = value instanceof Float ? value.value : value;
  return typeof plain === "number" && low <= plain && plain <= high;
};
const oneOf = (...names) => [names.map((name) => `'${name}'`).join(" or "), (value) => names.includes(value)];
const whole = (low, high) => [`a whole number from ${low} to ${high}`, (value) => isWhole(value, low, high)];
const number = (low, high) => [`a number from ${low} to ${high}`, (value) => isNumber(value, low, high)];
const isLabel = (value) => typeof value === "string" && value.length > 0 && [...value].length <= 1000
  && !/[\x00-\x1f\x7f-\x9f]/.test(value) && value.isWellFormed();
const text = ["text", (value) => typeof value === "string" && [...value].length <= 100000];
const boolean = ["true or false", (value) => typeof value === "boolean"];
const isId = (value) => isWhole(value, 0, INT32);
const id = [`a whole number from 0 to ${INT32}`, isId];
const ids = ["a list of at most 100 subword ids", (value) => Array.isArray(value) && value.length <= 100 && value.every(isId)];

const ALL_MODELS = {
  labels: [
    `2 to ${MAX_LABELS} different names without control characters`,
    (value) => Array.isArray(value) && value.length >= 2 && value.length <= MAX_LABELS && value.every(isLabel)
      && new Set(value).size === value.length,
  ],
  scheme: oneOf("iob1", "iob2", "iobes", "bilou", "plain"),
  reads: oneOf("pieces", "pooled", "words"),
  "decoding.rule": oneOf("independent", "scheme", "chain"),
  "decoding.temperature": number(0.001, 1000),
  "decoding.min_confidence": number(0, 1),
  "splitter.version": whole(0, INT32),
  "splitter.pattern": text,
  "splitter.rule": text,
  "window.rule": oneOf(...Object.keys(OVERLAPS)),
  "window.max_pieces": whole(1, INT32),
  files: [
    "the SHA-256 of each file by its relative path",
    (value) => isObject(value) && Object.entries(value).every(
      ([name, hash]) => name.length <= 200 && NAME.test(name) && typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash)),
  ],
};
const SUBWORDS = {
  "pieces.prefix": ids,
  "pieces.suffix": ids,
  "pieces.padding": id,
  "pieces.unknown": ["a subword id or null", (value) => value === null || isId(value)],
  "pieces.space": oneOf("", " "),
  "pieces.together": boolean,
  "pieces.pads_left": boolean,
};
const BY_READS = {
  pieces: SUBWORDS,
  pooled: { ...SUBWORDS, most_pieces: whole(1, 1000) },
  words: { characters: whole(1, 10000) },
};

/** Parse and validate the content of `nlptrain.json`. */
export async function readDescription(bytes) {
  const file = "nlptrain.json";
  if (bytes.length > MAX_BYTES) throw new FolderError(`${file}: found ${bytes.length} bytes; expected at most ${MAX_BYTES}`);
  let described, canonical, exact;
  try {
    const content = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    described = JSON.parse(content);
    [canonical, exact] = read(tokens(content), true);
  } catch (error) {
    throw new FolderError(`${file}: cannot be read (${escaped(error.message.slice(0, 200))}); copy the folder again`);
  }
  if (!isObject(exact)) throw new FolderError(`${file}: found ${shown(exact)}; expected an object; copy the folder again`);
  const own = (key) => (Object.hasOwn(exact, key) ? exact[key] : undefined);
  if (own("format") !== FORMAT) {
    throw new FolderError(`${file}: found format ${shown(own("format"))}; expected format ${FORMAT}; export the tagger again`);
  }
  if (own("hash") !== await sha256(new TextEncoder().encode(canonical))) {
    throw new FolderError(`${file}: is not the file that was exported (its hash differs); copy the folder again`);
  }
  const invalid = await findInvalidEntry(exact);
  if (invalid) throw new FolderError(`${file}: ${invalid[0]}: found ${invalid[1]}; expected ${invalid[2]}; export the tagger again`);
  return described;
}

/** Verify the bytes of a listed file by its hash. */
export async function checkFile(described, name, bytes) {
  if (!Object.hasOwn(described.files, name)) throw new FolderError(`nlptrain.json: files: found no ${name}; export the tagger again`);
  if (await sha256(bytes) !== described.files[name]) {
    throw new FolderError(`${name}: is not the file that was exported (its hash differs); copy the folder again`);
  }
  return bytes;
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) throw new FolderError("browsers compute hashes only on https and localhost; open the page there");
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The relative path of the graph `name`. */
export const graphFile = (name, ending) => `onnx/${name}${ending}.onnx`;

/** The first entry that cannot be used, as [key, found, expected], or null. */
async function findInvalidEntry(described) {
  return checkEntries(described, ALL_MODELS) ?? checkEntries(described, BY_READS[described.reads]) ?? checkLabels(described)
    ?? checkTransitions(described) ?? await checkPattern(described) ?? checkWindow(described) ?? checkFiles(described);
}

function checkEntries(described, checks) {
  for (const [key, [expected, isValid]] of Object.entries(checks)) {
    let value = described;
    for (const name of key.split(".")) {
      if (!isObject(value) || !Object.hasOwn(value, name)) return [key, "nothing", expected];
      value = value[name];
    }
    if (!isValid(value)) return [key, shown(value), expected];
  }
  return null;
}

function checkLabels({ labels, scheme }) {
  if (scheme === "plain") return null;
  const prefixes = labels.map((label) => /^([BIESLU])-.+$/su.exec(label)?.[1]).filter(Boolean);
  if (prefixes.length && prefixes.every((prefix) => PREFIXES[scheme].includes(prefix))) return null;
  return ["labels", shown(labels), `those of ${scheme}: O, ${[...PREFIXES[scheme]].map((prefix) => `${prefix}-TYPE`).join(", ")}`];
}

function checkTransitions({ labels, decoding }) {
  const size = labels.length;
  if (decoding.rule === "independent") return null;
  if (size > MAX_LABELS_WITH_TRANSITIONS) return ["labels", `${size} names`, `at most ${MAX_LABELS_WITH_TRANSITIONS} with this decoding.rule`];
  if (decoding.rule === "scheme") return null;
  const isRow = (row) => Array.isArray(row) && row.length === size && row.every((score) => isNumber(score, FORBIDDEN, -FORBIDDEN));
  const isTable = (table) => Array.isArray(table) && table.length === size && table.every(isRow);
  for (const [name, isValid] of [["transitions", isTable], ["start", isRow], ["end", isRow]]) {
    const value = Object.hasOwn(decoding, name) ? decoding[name] : undefined;
    if (!isValid(value)) return [`decoding.${name}`, shown(value), `numbers from ${FORBIDDEN} to ${-FORBIDDEN}, a score for each label`];
  }
  return null;
}

async function checkPattern({ splitter }) {
  if (splitter.segmenter) return ["splitter.segmenter", shown(splitter.segmenter), "none: a page cannot run a word segmenter (data.segmenter)"];
  const hash = await sha256(new TextEncoder().encode(splitter.pattern));
  if (Object.hasOwn(PATTERNS, splitter.version) && PATTERNS[splitter.version] === hash) return null;
  return ["splitter", `version ${splitter.version} with an unknown pattern`, "a splitter of nlptrain"];
}

function checkWindow({ reads, pieces, window }) {
  const special = reads === "pieces" ? pieces.prefix.length + pieces.suffix.length : 0;
  if (window.max_pieces > special) return null;
  return ["window.max_pieces", window.max_pieces, `more than the ${special} special tokens`];
}

function checkFiles({ reads, files }) {
  const endings = PRECISIONS.map((pair) => pair[1]).filter((ending) => Object.hasOwn(files, graphFile("model", ending)));
  const graphs = reads === "pieces" ? ["model"] : ["model", "words"];
  const needed = [INPUT_FILES[reads], ...endings.flatMap((ending) => graphs.map((graph) => graphFile(graph, ending)))];
  if (!endings.length) needed.push(graphFile("model", ""));
  const missing = needed.find((name) => !Object.hasOwn(files, name));
  return missing ? ["files", `no ${missing}`, "every file that is read"] : null;
}

/** `value` in a few characters. */
function shown(value) {
  if (value === undefined) return "nothing";
  const whole = escaped(JSON.stringify(value, (_, inner) => (inner instanceof Float ? inner.value : inner)));
  return whole.length > 60 ? `${whole.slice(0, 57)}...` : whole;
}

function* tokens(content) {
  const token = /[{}[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+/g;
  for (const match of content.matchAll(token)) yield match[0];
}

/** JSON tokens as the text of Python's json.dumps(sort_keys=True), without the outer entry "hash", and as a value. */
function read(stream, outer = false, token = stream.next().value) {
  if (token === "[") {
    const parts = [];
    for (let next = stream.next().value; next !== "]"; next = stream.next().value) {
      if (next !== ",") parts.push(read(stream, false, next));
    }
    return [`[${parts.map((part) => part[0]).join(", ")}]`, parts.map((part) => part[1])];
  }
  if (token === "{") {
    const entries = new Map();
    for (let next = stream.next().value; next !== "}"; next = stream.next().value) {
      if (next === ",") continue;
      const name = JSON.parse(next);
      stream.next(); // the colon
      if (entries.has(name)) throw new Error("a key occurs twice");
      entries.set(name, read(stream));
    }
    const written = [...entries.keys()].filter((name) => !outer || name !== "hash").sort();
    const value = Object.create(null);
    for (const [name, part] of entries) value[name] = part[1];
    return [`{${written.map((name) => `${ascii(name)}: ${entries.get(name)[0]}`).join(", ")}}`, value];
  }
  const value = JSON.parse(token);
  if (typeof value === "string") return [ascii(value), value];
  return [token, typeof value === "number" && /[.eE]/.test(token) ? new Float(value) : value];
}

function ascii(value) {
  return escaped(JSON.stringify(value));
}

function escaped(written) {
  return written.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
