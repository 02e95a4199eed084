// An exported tagger in a browser: raw text to entities with character offsets, as nlptrain-runtime answers.
//
// transformers.js's `pipeline` knows neither this architecture nor offsets, so words are split, aligned and decoded here,
// by what nlptrain.json says. Offsets are in code points, like those of `nlptrain predict`.

import { Tokenizer } from "@huggingface/tokenizers";
import * as ort from "onnxruntime-web";
import { Decoder } from "./decoding.js";
import { checkFile, FolderError, netFile, PRECISIONS, READER, readDescription } from "./description.js";
import { OVERLAPS, cutWindows } from "./windows.js";
import { characterCodes, shapeOf, split } from "./words.js";

const MOST_WORDS = 100000, MOST_CHARACTERS = 10000000; // that are remembered
const RANKS = { input_ids: 2, attention_mask: 2, vectors: 3, lengths: 1, pieces: 2, rows: 1, shapes: 1, characters: 2 };
const INPUTS = {
  model: { pieces: ["input_ids", "attention_mask"], pooled: ["vectors", "lengths"], words: ["vectors", "lengths"] },
  words: { pooled: ["pieces"], words: ["rows", "shapes", "characters"] },
};

/** Load an exported folder. `fetchBytes(name)` answers the bytes of a file of it. */
export async function loadTagger(fetchBytes) {
  const described = await readDescription(await fetchBytes("nlptrain.json"));
  const read = async (name) => checkFile(described, name, await fetchBytes(name));
  const json = async (name) => {
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await read(name)));
    } catch (error) {
      throw error instanceof FolderError ? error : new FolderError(`${name}: cannot be read (${error.message}); export the tagger again`);
    }
  };
  const ending = PRECISIONS.map((pair) => pair[1]).find((one) => Object.hasOwn(described.files, netFile("model", one)));
  const net = async (name) => Net.open(netFile(name, ending), await read(netFile(name, ending)), described, name);
  const nets = { model: await net("model") };
  if (described.reads !== "pieces") nets.words = await net("words");
  const reader = READER[described.reads];
  const encode = reader === "tokenizer.json" ? encoder(await json(reader), await json("tokenizer_config.json"), described) : null;
  const vocabulary = reader === "words.json" ? readVocabulary(await json(reader), reader) : null;
  const files = Object.keys(described.files).filter((name) => !name.endsWith(".onnx") || name.includes(`${ending}.onnx`));
  const tagger = new Tagger(described, nets, encode, vocabulary, files);
  await tagger.emissions(["a"]); // what does not fit together is refused now
  return tagger;
}

/** A net that reads and answers what the description says. */
class Net {
  static async open(file, bytes, described, name) {
    try {
      return new Net(file, await ort.InferenceSession.create(bytes), described, name);
    } catch (error) {
      throw error instanceof FolderError ? error : new FolderError(`${file}: ONNX Runtime cannot read it (${String(error).slice(0, 200)})`);
    }
  }

  constructor(file, session, described, name) {
    this.file = file;
    this.session = session;
    this.rank = name === "model" ? 3 : 2;
    const found = session.inputMetadata.map((one) => `${one.name} ${one.type} ${one.shape?.length}`).sort();
    const right = INPUTS[name][described.reads].map((one) => `${one} ${one === "vectors" ? "float32" : "int64"} ${RANKS[one]}`).sort();
    if (found.join() !== right.join()) throw this.fault(`reads ${found.join(", ")}; must read ${right.join(", ")}`);
    const answers = session.outputMetadata.map((one) => `${one.type} ${one.shape?.length}`);
    if (answers.join() !== `float32 ${this.rank}`) throw this.fault(`answers ${answers.join(", ")}; must answer one float32 of ${this.rank} dimensions`);
    this.width = name === "model" ? described.labels.length : session.outputMetadata[0].shape.at(-1);
    if (!Number.isInteger(this.width) || this.width < 1 || this.width > 100000) throw this.fault(`answers vectors of ${this.width} columns`);
  }

  /** What the net answers to `feeds`: numbers, `width` of them for each word or unit. */
  async run(feeds) {
    let answer;
    try {
      answer = (await this.session.run(feeds))[this.session.outputNames[0]];
    } catch (error) {
      throw this.fault(`fails (${String(error).slice(0, 200)})`);
    }
    const shape = [...Object.values(feeds)[0].dims.slice(0, this.rank - 1), this.width];
    if (answer.dims.join() !== shape.join()) throw this.fault(`answers a tensor of shape ${answer.dims}; must be ${shape}`);
    if (!answer.data.every(Number.isFinite)) throw this.fault("answers what is no number");
    return answer.data;
  }

  fault(what) {
    return new FolderError(`${this.file}: ${what}; export the tagger again`);
  }
}

export class Tagger {
  constructor(described, nets, encode, vocabulary, files) {
    this.described = described;
    this.nets = nets;
    this.encode = encode;
    this.vocabulary = vocabulary;
    this.files = files;
    this.pattern = new RegExp(described.splitter.pattern, "gu");
    this.decoder = new Decoder(described);
    this.forget();
  }

  forget() {
    this.known = new Map(); // what each distinct word is read as: its pieces, or its vector
    this.characters = 0;
  }

  /** `{text, entities}` of a text, or `{text, words}` for plain tags. */
  async predict(text) {
    const words = split(text, this.pattern);
    const { scheme, decoding } = this.described;
    const plain = scheme === "plain";
    const found = [];
    if (words.length) {
      if (this.known.size > MOST_WORDS || this.characters > MOST_CHARACTERS) this.forget(); // who is still reading keeps the one that it has
      const emissions = await this.emissions(words.map((word) => word.text));
      const points = Array.from(text);
      for (const [label, first, end, confidence] of this.decoder.spans(emissions)) {
        const place = { start: words[first].start, end: words[end - 1].end };
        const part = { ...place, text: points.slice(place.start, place.end).join(""), confidence };
        const sure = confidence >= decoding.min_confidence;
        if (plain) found.push({ ...part, tag: sure ? label : null });
        else if (sure) found.push({ ...part, label });
      }
    }
    return { text, [plain ? "words" : "entities"]: found };
  }

  /** What the net says of each word, an array of C numbers each. */
  async emissions(words) {
    const known = this.known;
    await this.learn([...new Set(words)].filter((word) => !known.has(word)), known);
    const read = words.map((word) => known.get(word));
    const { prefix, suffix } = this.nets.words ? { prefix: [], suffix: [] } : this.described.pieces;
    const { rule, max_pieces } = this.described.window;
    const room = max_pieces - prefix.length - suffix.length;
    const sizes = read.map((units) => (this.nets.words ? 1 : units.length));
    const found = [];
    for (const window of cutWindows(sizes, room, OVERLAPS[rule])) {
      const here = read.slice(window.start, window.end);
      const [feeds, places] = this.nets.words ? vectorFeeds(here) : pieceFeeds(here.map((pieces) => pieces.slice(0, room)), prefix, suffix);
      const data = await this.nets.model.run(feeds), { width } = this.nets.model;
      for (let word = window.first; word < window.last; word++) {
        const place = places[word - window.start];
        found.push(Array.from(data.subarray(place * width, (place + 1) * width)));
      }
    }
    return found;
  }

  /** Remember in `known` what new words are read as. */
  async learn(words, known) {
    if (!words.length) return;
    for (const word of words) this.characters += word.length;
    const { reads, most_pieces: most, characters } = this.described;
    if (reads === "pieces") {
      for (const word of words) known.set(word, this.encode(word));
      return;
    }
    const spelled = words.map((word) => (reads === "pooled" ? this.encode(word).slice(0, most) : characterCodes(word, characters)));
    const longest = spelled.reduce((most, parts) => Math.max(most, parts.length), 1);
    for (let start = 0; start < words.length; start += 256) { // as many as Python reads at once: memory stays bounded
      const some = words.slice(start, start + 256);
      const parts = longs(spelled.slice(start, start + 256).flatMap((one) => one.concat(Array(longest - one.length).fill(-1))), [some.length, longest]);
      const feeds = reads === "pooled" ? { pieces: parts } : {
        rows: longs(some.map((word) => this.vocabulary(word)), [some.length]),
        shapes: longs(some.map(shapeOf), [some.length]),
        characters: parts,
      };
      const data = await this.nets.words.run(feeds), { width } = this.nets.words;
      some.forEach((word, at) => known.set(word, data.slice(at * width, (at + 1) * width)));
    }
  }
}

function longs(values, dims) {
  return new ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

/** What the net reads for one row of vectors, and the unit that speaks for each word. */
function vectorFeeds(vectors) {
  const width = vectors[0].length, flat = new Float32Array(vectors.length * width);
  vectors.forEach((vector, at) => flat.set(vector, at * width));
  const feeds = { vectors: new ort.Tensor("float32", flat, [1, vectors.length, width]), lengths: longs([vectors.length], [1]) };
  return [feeds, [...vectors.keys()]];
}

/** What the net reads for one row of pieces, and the piece that speaks for each word. */
function pieceFeeds(words, prefix, suffix) {
  const ids = prefix.slice(), places = [];
  for (const pieces of words) {
    places.push(ids.length);
    for (const piece of pieces) ids.push(piece);
  }
  for (const piece of suffix) ids.push(piece);
  return [{ input_ids: longs(ids, [1, ids.length]), attention_mask: longs(ids.map(() => 1), [1, ids.length]) }, places];
}

/** What answers the pieces of a word, at least one. */
function encoder(json, config, { pieces: { space, unknown } }) {
  let tokenizer;
  const named = (what, act) => {
    try {
      return act();
    } catch (error) {
      throw new FolderError(`tokenizer.json: ${what} (${String(error).slice(0, 200)}); export the tagger again`);
    }
  };
  named("cannot be read", () => { tokenizer = new Tokenizer(json, config); });
  return (word) => named("fails", () => {
    const { ids } = tokenizer.encode(space + word, { add_special_tokens: false });
    if (ids.length) return ids;
    if (unknown === null) throw new Error(`${JSON.stringify(word.slice(0, 60))} has no piece, and the tokenizer has no unknown piece`);
    return [unknown];
  });
}

function readVocabulary({ words, lowercase }, file) {
  if (typeof lowercase !== "boolean" || !Array.isArray(words) || !words.every((word) => typeof word === "string")) {
    throw new FolderError(`${file}: must have words, a list, and lowercase, true or false; export the tagger again`);
  }
  const rows = new Map(words.map((word, at) => [word, at + 2]));
  return (word) => rows.get(lowercase ? word.toLowerCase() : word) ?? 1;
}
