// An exported tagger in a browser: raw text to entities with character offsets, as nlptrain-runtime answers.
//
// transformers.js's `pipeline` knows neither this architecture nor offsets, so words are split, aligned and decoded here,
// by what nlptrain.json says. Offsets are in code points, like those of `nlptrain predict`; a text is one window.

import { Tokenizer } from "@huggingface/tokenizers";
import * as ort from "onnxruntime-web/wasm";

const FORMAT = 1;
const FORBIDDEN = -1e8;
const ENDINGS = [["int8", "_quantized"], ["fp16", "_fp16"], ["fp32", ""]];
const OPENING = new Set("BSU"), CLOSING = new Set("ESLU");

/** Load an exported folder. `fetchBytes(name)` answers the bytes of a file of it. */
export async function loadTagger(fetchBytes) {
  const text = async (name) => new TextDecoder().decode(await fetchBytes(name));
  const described = JSON.parse(await text("nlptrain.json"));
  if (described.format !== FORMAT) {
    throw new Error(`nlptrain.json: found format ${described.format}; this page reads format ${FORMAT}`);
  }
  const ending = ENDINGS.map((pair) => pair[1]).find((one) => `onnx/model${one}.onnx` in described.files);
  const session = async (name) => ort.InferenceSession.create(await fetchBytes(`onnx/${name}${ending}.onnx`));
  const nets = { model: await session("model") };
  if (described.reads !== "pieces") nets.words = await session("words");
  let encode = null, vocabulary = null;
  if (described.reads === "words") vocabulary = readVocabulary(JSON.parse(await text("words.json")));
  else {
    const tokenizer = new Tokenizer(JSON.parse(await text("tokenizer.json")), JSON.parse(await text("tokenizer_config.json")));
    const { space, unknown } = described.pieces;
    encode = (word) => {
      const ids = tokenizer.encode(space + word, { add_special_tokens: false }).ids;
      return ids.length ? ids : [unknown];
    };
  }
  const sizes = Object.keys(described.files).filter((name) => !name.endsWith(".onnx") || name.includes(`${ending}.onnx`));
  return new Tagger(described, nets, encode, vocabulary, sizes);
}

export class Tagger {
  constructor(described, nets, encode, vocabulary, files) {
    this.described = described;
    this.nets = nets;
    this.encode = encode;
    this.vocabulary = vocabulary;
    this.files = files;
    this.pattern = new RegExp(described.splitter.pattern, "gu");
    this.known = new Map(); // what each distinct word is read as: its pieces, or its vector
    this.parts = described.labels.map((label) => (described.scheme === "plain" ? null : /^([BIESLU])-(.+)$/su.exec(label)));
    this.tables = tablesOf(described, this.parts);
  }

  /** The words of `text` with their places in code points. */
  split(text) {
    const words = [];
    let units = 0, points = 0;
    for (const match of text.matchAll(this.pattern)) {
      points += [...text.slice(units, match.index)].length;
      const length = [...match[0]].length;
      words.push({ text: match[0], start: points, end: points + length });
      points += length;
      units = match.index + match[0].length;
    }
    return words;
  }

  /** `{text, entities}` of a text, or `{text, words}` for plain tags. */
  async predict(text) {
    const words = this.split(text);
    const plain = this.described.scheme === "plain";
    const name = plain ? "words" : "entities";
    if (!words.length) return { text, [name]: [] };
    if (this.known.size > 100000) this.known = new Map(); // who is still reading keeps the one that it has
    const emissions = await this.emissions(words.map((word) => word.text));
    const best = this.best(emissions);
    const sure = confidences(emissions, best, this.described.decoding, this.tables);
    const points = [...text];
    const found = [];
    for (const [first, last] of plain ? words.map((_, at) => [at, at]) : this.entities(best)) {
      const confidence = Math.round(1e4 * Math.min(...sure.slice(first, last + 1))) / 1e4;
      const place = { start: words[first].start, end: words[last].end };
      const part = { ...place, text: points.slice(place.start, place.end).join(""), confidence };
      const least = confidence >= this.described.decoding.min_confidence;
      if (plain) found.push({ ...part, tag: least ? this.described.labels[best[first]] : null });
      else if (least) found.push({ ...part, label: this.parts[best[first]][2] });
    }
    return { text, [name]: found };
  }

  /** What the net says of each word, an array of C numbers each. */
  async emissions(words) {
    const known = this.known;
    await this.learn([...new Set(words)].filter((word) => !known.has(word)), known);
    const read = words.map((word) => known.get(word));
    let feeds, places;
    if (this.nets.words) {
      const width = read[0].length, flat = new Float32Array(words.length * width);
      read.forEach((vector, at) => flat.set(vector, at * width));
      places = words.map((_, at) => at);
      feeds = { vectors: new ort.Tensor("float32", flat, [1, words.length, width]), lengths: longs([words.length], [1]) };
    } else {
      const { prefix, suffix } = this.described.pieces;
      const ids = [...prefix];
      places = read.map((pieces) => ids.push(...pieces) - pieces.length);
      ids.push(...suffix);
      if (ids.length > this.described.window.max_pieces) throw new Error(`the text has ${ids.length} pieces: too long`);
      feeds = { input_ids: longs(ids, [1, ids.length]), attention_mask: longs(ids.map(() => 1), [1, ids.length]) };
    }
    const { data, dims } = (await this.nets.model.run(feeds)).logits;
    return places.map((place) => Array.from(data.slice(place * dims[2], (place + 1) * dims[2])));
  }

  /** Remember in `known` what new words are read as. */
  async learn(words, known) {
    if (!words.length) return;
    const { reads, most_pieces: most, characters } = this.described;
    if (reads === "pieces") {
      for (const word of words) known.set(word, this.encode(word));
      return;
    }
    const spelt = words.map((word) => (reads === "pooled" ? this.encode(word).slice(0, most) : characterCodes(word, characters)));
    const longest = Math.max(1, ...spelt.map((parts) => parts.length));
    const flat = spelt.flatMap((parts) => [...parts, ...Array(longest - parts.length).fill(-1)]);
    const parts = longs(flat, [words.length, longest]);
    const feeds = reads === "pooled" ? { pieces: parts } : {
      rows: longs(words.map(this.vocabulary.row), [words.length]),
      shapes: longs(words.map(shapeOf), [words.length]),
      characters: parts,
    };
    const { data, dims } = (await this.nets.words.run(feeds)).vectors;
    words.forEach((word, at) => known.set(word, data.slice(at * dims[1], (at + 1) * dims[1])));
  }

  /** The label of each word: the best path of a chain, or each word's best one, put right where these break the scheme. */
  best(emissions) {
    const each = emissions.map((scores) => scores.indexOf(Math.max(...scores)));
    const { rule } = this.described.decoding;
    if (rule === "independent" || (rule === "scheme" && this.allowed(each))) return each;
    return viterbi(emissions, this.tables);
  }

  allowed(labels) {
    const { transitions, start, end } = this.tables;
    return start[labels[0]] > FORBIDDEN && end[labels.at(-1)] > FORBIDDEN
      && labels.every((label, at) => !at || transitions[labels[at - 1]][label] > FORBIDDEN);
  }

  /** The first and the last word of each entity. */
  entities(labels) {
    const found = [];
    let open = false;
    labels.forEach((label, at) => {
      const part = this.parts[label];
      if (!part) open = false;
      else {
        const goesOn = open && !OPENING.has(part[1]) && this.parts[labels[at - 1]][2] === part[2];
        if (goesOn) found.at(-1)[1] = at;
        else found.push([at, at]);
        open = !CLOSING.has(part[1]);
      }
    });
    return found;
  }
}

function longs(values, dims) {
  return new ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

/** The scores of neighbours: a CRF's own, or 0 for what the scheme allows. */
function tablesOf(described, parts) {
  if (described.decoding.rule === "chain") return described.decoding;
  const ends = [null, ...parts.keys()];
  const follows = (one, other) => (mayFollow(parts[one], parts[other], described.scheme) ? 0 : FORBIDDEN);
  const labels = [...parts.keys()];
  return {
    transitions: labels.map((one) => labels.map((other) => follows(one, other))),
    start: labels.map((label) => follows(ends[0], label)),
    end: labels.map((label) => follows(label, ends[0])),
  };
}

function mayFollow(before, after, scheme) {
  const [one, other] = [before?.[1] ?? "", after?.[1] ?? ""];
  const same = (before?.[2] ?? "") === (after?.[2] ?? "");
  if (scheme === "plain") return true;
  if (scheme === "iob1") return other !== "B" || same;
  if (scheme === "iob2") return other !== "I" || same;
  const goesOn = "IEL".includes(other) && other !== "";
  return one === "B" || one === "I" ? goesOn && same : !goesOn;
}

/** The labels of the best path (Viterbi 1967). */
function viterbi(emissions, { transitions, start, end }) {
  const labels = start.length, from = [];
  let scores = emissions[0].map((score, label) => score + start[label]);
  for (const here of emissions.slice(1)) {
    const next = new Array(labels), origin = new Array(labels);
    for (let to = 0; to < labels; to++) {
      let most = -Infinity, best = 0;
      for (let one = 0; one < labels; one++) {
        const score = scores[one] + transitions[one][to];
        if (score > most) [most, best] = [score, one];
      }
      next[to] = most + here[to];
      origin[to] = best;
    }
    scores = next;
    from.push(origin);
  }
  const last = scores.map((score, label) => score + end[label]);
  const path = [last.indexOf(Math.max(...last))];
  for (const origin of from.reverse()) path.push(origin[path.at(-1)]);
  return path.reverse();
}

/** The probability of each word's label at the temperature that training fitted. */
function confidences(emissions, best, { rule, temperature }, tables) {
  const scaled = emissions.map((scores) => scores.map((score) => score / temperature));
  if (rule !== "chain") return scaled.map((scores, at) => Math.exp(scores[best[at]] - logSum(scores)));
  const cool = (score) => (score <= FORBIDDEN ? FORBIDDEN : score / temperature);
  const transitions = tables.transitions.map((row) => row.map(cool));
  const labels = [...tables.start.keys()];
  const fronts = [scaled[0].map((score, label) => score + cool(tables.start[label]))];
  for (const here of scaled.slice(1)) {
    const before = fronts.at(-1);
    fronts.push(here.map((score, to) => score + logSum(labels.map((one) => before[one] + transitions[one][to]))));
  }
  const backs = [tables.end.map(cool)];
  for (const behind of scaled.slice(1).reverse()) {
    const after = backs.at(-1);
    backs.push(labels.map((one) => logSum(labels.map((to) => transitions[one][to] + after[to] + behind[to]))));
  }
  backs.reverse();
  return best.map((label, at) => {
    const sums = fronts[at].map((front, one) => front + backs[at][one]);
    return Math.exp(sums[label] - logSum(sums));
  });
}

function logSum(scores) {
  const most = Math.max(...scores);
  return most + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - most), 0));
}

// What a student of words reads of one: see nlptrain_runtime/vocabulary.py.
function readVocabulary({ words, lowercase }) {
  const rows = new Map(words.map((word, at) => [word, at + 2]));
  return { row: (word) => rows.get(lowercase ? word.toLowerCase() : word) ?? 1 };
}

function characterCodes(word, most) {
  const points = [...word].map((character) => character.codePointAt(0));
  const half = Math.floor(most / 2);
  return points.length <= most ? points : [...points.slice(0, most - half), ...points.slice(points.length - half)];
}

function shapeOf(word) {
  const [letters, digits, marks] = [/\p{L}/u.test(word), /\p{N}/u.test(word), /[\p{P}\p{S}]/u.test(word)];
  if (digits) return letters ? 6 : marks ? 7 : 5;
  if (letters && marks) return 8;
  if (!letters) return marks ? 9 : 10;
  const [lower, upper] = [word.toLowerCase(), word.toUpperCase()];
  if (lower === upper) return 4;
  if (word === lower) return 0;
  const [first, ...rest] = word;
  if (word === upper && rest.length) return 2;
  return first === first.toUpperCase() && rest.join("") === rest.join("").toLowerCase() ? 1 : 3;
}
