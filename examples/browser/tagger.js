// An exported tagger in a browser: raw text to entities with character offsets, as by nlptrain-runtime.
//
// transformers.js's `pipeline` supports neither this architecture nor offsets, so words are split, aligned and decoded
// here, as nlptrain.json describes. Offsets are in code points, like those of `nlptrain predict`.

import { Tokenizer } from "@huggingface/tokenizers";
import * as ort from "onnxruntime-web";
import { Decoder } from "./decoding.js";
import { checkFile, FolderError, graphFile, INPUT_FILES, PRECISIONS, readDescription } from "./description.js";
import { OVERLAPS, cutWindows } from "./windows.js";
import { characterCodes, wordShape, split } from "./words.js";

const MAX_WORDS = 100000, MAX_CHARACTERS = 10000000; // of the cache
const RANKS = { input_ids: 2, attention_mask: 2, vectors: 3, lengths: 1, pieces: 2, rows: 1, shapes: 1, characters: 2 };
const INPUTS = {
  model: { pieces: ["input_ids", "attention_mask"], pooled: ["vectors", "lengths"], words: ["vectors", "lengths"] },
  words: { pooled: ["pieces"], words: ["rows", "shapes", "characters"] },
};

/** Load an exported folder; `fetchBytes(name)` returns the bytes of one of its files. */
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
  const ending = PRECISIONS.map((pair) => pair[1]).find((candidate) => Object.hasOwn(described.files, graphFile("model", candidate)));
  const loadGraph = async (name) => OnnxGraph.load(graphFile(name, ending), await read(graphFile(name, ending)), described, name);
  const graphs = { model: await loadGraph("model") };
  if (described.reads !== "pieces") graphs.words = await loadGraph("words");
  const inputFile = INPUT_FILES[described.reads];
  const tokenize = inputFile === "tokenizer.json" ? loadTokenizer(await json(inputFile), await json("tokenizer_config.json"), described) : null;
  const vocabulary = inputFile === "words.json" ? readVocabulary(await json(inputFile), inputFile) : null;
  const files = Object.keys(described.files).filter((name) => !name.endsWith(".onnx") || name.includes(`${ending}.onnx`));
  const tagger = new Tagger(described, graphs, tokenize, vocabulary, files);
  await tagger.emissions(["a"]); // files that do not match raise an error now
  return tagger;
}

/** A graph whose inputs and outputs are those of the description. */
class OnnxGraph {
  static async load(file, bytes, described, name) {
    try {
      return new OnnxGraph(file, await ort.InferenceSession.create(bytes), described, name);
    } catch (error) {
      throw error instanceof FolderError ? error : new FolderError(`${file}: ONNX Runtime cannot read it (${String(error).slice(0, 200)})`);
    }
  }

  constructor(file, session, described, name) {
    this.file = file;
    this.session = session;
    this.rank = name === "model" ? 3 : 2;
    const inputs = session.inputMetadata.map(({ name, type, shape }) => `${name} ${type} ${shape?.length}`).sort();
    const expected = INPUTS[name][described.reads].map((input) => `${input} ${input === "vectors" ? "float32" : "int64"} ${RANKS[input]}`).sort();
    if (inputs.join() !== expected.join()) throw this.error(`found inputs ${inputs.join(", ")}; expected ${expected.join(", ")}`);
    const outputs = session.outputMetadata.map(({ type, shape }) => `${type} ${shape?.length}`);
    if (outputs.join() !== `float32 ${this.rank}`) throw this.error(`found outputs ${outputs.join(", ")}; expected one float32 of ${this.rank} dimensions`);
    this.width = name === "model" ? described.labels.length : session.outputMetadata[0].shape.at(-1);
    if (!Number.isInteger(this.width) || this.width < 1 || this.width > 100000) throw this.error(`found an output of ${this.width} columns; expected a whole number from 1 to 100000`);
  }

  /** The output for `feeds`: `width` numbers for each word or unit. */
  async run(feeds) {
    let output;
    try {
      output = (await this.session.run(feeds))[this.session.outputNames[0]];
    } catch (error) {
      throw this.error(`fails (${String(error).slice(0, 200)})`);
    }
    const shape = [...Object.values(feeds)[0].dims.slice(0, this.rank - 1), this.width];
    if (output.dims.join() !== shape.join()) throw this.error(`found an output of shape ${output.dims}; expected ${shape}`);
    if (!output.data.every(Number.isFinite)) throw this.error("found an output that is not finite");
    return output.data;
  }

  error(problem) {
    return new FolderError(`${this.file}: ${problem}; export the tagger again`);
  }
}

export class Tagger {
  constructor(described, graphs, tokenize, vocabulary, files) {
    this.described = described;
    this.graphs = graphs;
    this.tokenize = tokenize;
    this.vocabulary = vocabulary;
    this.files = files;
    this.pattern = new RegExp(described.splitter.pattern, "gu");
    this.decoder = new Decoder(described);
    this.clearCache();
  }

  clearCache() {
    this.cache = new Map(); // the features of each distinct word: its subwords, or its vector
    this.characters = 0;
  }

  /** `{text, entities}` of a text, or `{text, words}` for plain tags. */
  async predict(text) {
    const words = split(text, this.pattern);
    const { scheme, decoding } = this.described;
    const plain = scheme === "plain";
    const parts = [];
    if (words.length) {
      if (this.cache.size > MAX_WORDS || this.characters > MAX_CHARACTERS) this.clearCache(); // a running call keeps the old cache
      const emissions = await this.emissions(words.map((word) => word.text));
      const points = Array.from(text);
      for (const [label, first, end, confidence] of this.decoder.spans(emissions)) {
        const offsets = { start: words[first].start, end: words[end - 1].end };
        const part = { ...offsets, text: points.slice(offsets.start, offsets.end).join(""), confidence };
        const isKept = confidence >= decoding.min_confidence;
        if (plain) parts.push({ ...part, tag: isKept ? label : null });
        else if (isKept) parts.push({ ...part, label });
      }
    }
    return { text, [plain ? "words" : "entities"]: parts };
  }

  /** The emissions of each word: an array of C numbers. */
  async emissions(words) {
    const cache = this.cache;
    await this.addWords([...new Set(words)].filter((word) => !cache.has(word)), cache);
    const features = words.map((word) => cache.get(word));
    const { prefix, suffix } = this.graphs.words ? { prefix: [], suffix: [] } : this.described.pieces;
    const { rule, max_pieces } = this.described.window;
    const capacity = max_pieces - prefix.length - suffix.length;
    const sizes = features.map((units) => (this.graphs.words ? 1 : units.length));
    const emissions = [];
    for (const window of cutWindows(sizes, capacity, OVERLAPS[rule])) {
      const inputs = features.slice(window.start, window.end);
      const [feeds, positions] = this.graphs.words ? vectorFeeds(inputs) : subwordFeeds(inputs.map((subwords) => subwords.slice(0, capacity)), prefix, suffix);
      const data = await this.graphs.model.run(feeds), { width } = this.graphs.model;
      for (let word = window.first; word < window.last; word++) {
        const position = positions[word - window.start];
        emissions.push(Array.from(data.subarray(position * width, (position + 1) * width)));
      }
    }
    return emissions;
  }

  /** Add the features of new words to `cache`. */
  async addWords(words, cache) {
    if (!words.length) return;
    for (const word of words) this.characters += word.length;
    const { reads, most_pieces: maxSubwords, characters: maxCharacters } = this.described;
    if (reads === "pieces") {
      for (const word of words) cache.set(word, this.tokenize(word));
      return;
    }
    const lists = words.map((word) => (reads === "pooled" ? this.tokenize(word).slice(0, maxSubwords) : characterCodes(word, maxCharacters)));
    const longest = lists.reduce((length, list) => Math.max(length, list.length), 1);
    for (let start = 0; start < words.length; start += 256) { // the batch size of Python, in bounded memory
      const batch = words.slice(start, start + 256);
      const padded = int64(lists.slice(start, start + 256).flatMap((list) => list.concat(Array(longest - list.length).fill(-1))), [batch.length, longest]);
      const feeds = reads === "pooled" ? { pieces: padded } : {
        rows: int64(batch.map((word) => this.vocabulary(word)), [batch.length]),
        shapes: int64(batch.map(wordShape), [batch.length]),
        characters: padded,
      };
      const data = await this.graphs.words.run(feeds), { width } = this.graphs.words;
      batch.forEach((word, at) => cache.set(word, data.slice(at * width, (at + 1) * width)));
    }
  }
}

/** A tensor of whole numbers. */
function int64(values, dims) {
  return new ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

/** The inputs for one sequence of vectors, and the position of each word. */
function vectorFeeds(vectors) {
  const width = vectors[0].length, flat = new Float32Array(vectors.length * width);
  vectors.forEach((vector, at) => flat.set(vector, at * width));
  const feeds = { vectors: new ort.Tensor("float32", flat, [1, vectors.length, width]), lengths: int64([vectors.length], [1]) };
  return [feeds, [...vectors.keys()]];
}

/** The inputs for one sequence of subwords, and the position of the first subword of each word. */
function subwordFeeds(words, prefix, suffix) {
  const ids = prefix.slice(), positions = [];
  for (const subwords of words) {
    positions.push(ids.length);
    for (const subword of subwords) ids.push(subword);
  }
  for (const token of suffix) ids.push(token);
  return [{ input_ids: int64(ids, [1, ids.length]), attention_mask: int64(ids.map(() => 1), [1, ids.length]) }, positions];
}

/** A function that returns the subwords of a word, at least one. */
function loadTokenizer(json, config, { pieces: { space, unknown } }) {
  let tokenizer;
  const withErrors = (failure, action) => {
    try {
      return action();
    } catch (error) {
      throw new FolderError(`tokenizer.json: ${failure} (${String(error).slice(0, 200)}); export the tagger again`);
    }
  };
  withErrors("cannot be read", () => { tokenizer = new Tokenizer(json, config); });
  return (word) => withErrors("fails", () => {
    const { ids } = tokenizer.encode(space + word, { add_special_tokens: false });
    if (ids.length) return ids;
    if (unknown === null) throw new Error(`${JSON.stringify(word.slice(0, 60))} has no subword, and the tokenizer has no unknown token`);
    return [unknown];
  });
}

function readVocabulary({ words, lowercase }, file) {
  if (typeof lowercase !== "boolean" || !Array.isArray(words) || !words.every((word) => typeof word === "string")) {
    throw new FolderError(`${file}: found no valid vocabulary; expected words, a list, and lowercase, true or false; export the tagger again`);
  }
  const rows = new Map(words.map((word, at) => [word, at + 2]));
  return (word) => rows.get(lowercase ? word.toLowerCase() : word) ?? 1;
}
