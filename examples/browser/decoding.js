// Emissions to labels, confidences and entities (nlptrain_runtime/decoding.py, chain.py, confidence.py, predictions.py).

import { FORBIDDEN } from "./description.js";

const OPENING = new Set("BSU"), CLOSING = new Set("ESLU");

/** Decodes emissions, an array of C numbers per word, to labels and entities. */
export class Decoder {
  constructor({ labels, scheme, decoding }) {
    this.labels = labels;
    this.decoding = decoding;
    this.parts = labels.map((label) => (scheme === "plain" ? null : /^([BIESLU])-(.+)$/su.exec(label)));
    this.plain = scheme === "plain";
    this.tables = decoding.rule === "chain" ? decoding : schemeTables(this.parts, scheme);
  }

  /** The label of each word: the best path of a chain, or each word's best label, or the best path if these break the scheme. */
  decode(emissions) {
    if (this.decoding.rule === "chain") return viterbi(emissions, this.tables);
    const labels = emissions.map(argmax);
    return this.decoding.rule === "independent" || this.isAllowed(labels) ? labels : viterbi(emissions, this.tables);
  }

  isAllowed(labels) {
    const { transitions, start, end } = this.tables;
    return start[labels[0]] > FORBIDDEN && end[labels.at(-1)] > FORBIDDEN
      && labels.every((label, at) => !at || transitions[labels[at - 1]][label] > FORBIDDEN);
  }

  /** Label, first word, end and confidence of each entity; of plain tags, of each word. */
  spans(emissions) {
    const best = this.decode(emissions);
    const confidences = wordConfidences(emissions, best, this.decoding, this.tables);
    const bounds = this.plain ? best.map((_, at) => [at, at]) : this.entities(best);
    return bounds.map(([first, last]) => {
      let smallest = Infinity; // of its words: the confidence of an entity
      for (let word = first; word <= last; word++) smallest = Math.min(smallest, confidences[word]);
      const label = this.plain ? this.labels[best[first]] : this.parts[best[first]][2];
      return [label, first, last + 1, Math.round(1e4 * smallest) / 1e4];
    });
  }

  /** The first and the last word of each entity. */
  entities(labels) {
    const bounds = [];
    let isOpen = false;
    labels.forEach((label, at) => {
      const part = this.parts[label];
      if (!part) isOpen = false;
      else {
        const continues = isOpen && !OPENING.has(part[1]) && this.parts[labels[at - 1]][2] === part[2];
        if (continues) bounds.at(-1)[1] = at;
        else bounds.push([at, at]);
        isOpen = !CLOSING.has(part[1]);
      }
    });
    return bounds;
  }
}

/** Scores of 0 for transitions that the scheme allows, FORBIDDEN for others. */
function schemeTables(parts, scheme) {
  const score = (before, after) => (isTransitionAllowed(before, after, scheme) ? 0 : FORBIDDEN);
  return {
    transitions: parts.map((before) => parts.map((after) => score(before, after))),
    start: parts.map((part) => score(null, part)),
    end: parts.map((part) => score(part, null)),
  };
}

function isTransitionAllowed(before, after, scheme) {
  const [prefixBefore, prefixAfter] = [before?.[1] ?? "", after?.[1] ?? ""];
  const same = (before?.[2] ?? "") === (after?.[2] ?? "");
  if (scheme === "plain") return true;
  if (scheme === "iob1") return prefixAfter !== "B" || same;
  if (scheme === "iob2") return prefixAfter !== "I" || same;
  const continues = "IEL".includes(prefixAfter) && prefixAfter !== "";
  return prefixBefore === "B" || prefixBefore === "I" ? continues && same : !continues;
}

function argmax(scores) {
  let best = 0;
  for (let label = 1; label < scores.length; label++) if (scores[label] > scores[best]) best = label;
  return best;
}

/** The labels of the best path (Viterbi 1967). */
function viterbi(emissions, { transitions, start, end }) {
  const labels = start.length, from = [];
  let scores = emissions[0].map((score, label) => score + start[label]);
  for (const emission of emissions.slice(1)) {
    const next = new Array(labels), origin = new Array(labels);
    for (let to = 0; to < labels; to++) {
      let highest = -Infinity, best = 0;
      for (let label = 0; label < labels; label++) {
        const score = scores[label] + transitions[label][to];
        if (score > highest) [highest, best] = [score, label];
      }
      next[to] = highest + emission[to];
      origin[to] = best;
    }
    scores = next;
    from.push(origin);
  }
  const path = [argmax(scores.map((score, label) => score + end[label]))];
  for (const origin of from.reverse()) path.push(origin[path.at(-1)]);
  return path.reverse();
}

/** The confidence of each word: the probability of its label at the temperature that was fitted in training. */
function wordConfidences(emissions, best, { rule, temperature }, tables) {
  const scaled = emissions.map((scores) => scores.map((score) => score / temperature));
  if (rule !== "chain") return scaled.map((scores, at) => Math.exp(scores[best[at]] - logSum(scores)));
  const divide = (score) => (score <= FORBIDDEN ? FORBIDDEN : score / temperature);
  const transitions = tables.transitions.map((row) => row.map(divide));
  const labels = [...tables.start.keys()];
  const forward = [scaled[0].map((score, label) => score + divide(tables.start[label]))];
  for (const scores of scaled.slice(1)) {
    const before = forward.at(-1);
    forward.push(scores.map((score, to) => score + logSum(labels.map((label) => before[label] + transitions[label][to]))));
  }
  const backward = [tables.end.map(divide)];
  for (const scores of scaled.slice(1).reverse()) {
    const after = backward.at(-1);
    backward.push(labels.map((label) => logSum(labels.map((to) => transitions[label][to] + after[to] + scores[to]))));
  }
  backward.reverse();
  return best.map((label, at) => {
    const sums = forward[at].map((score, other) => score + backward[at][other]);
    return Math.exp(sums[label] - logSum(sums));
  });
}

function logSum(scores) {
  let highest = -Infinity, sum = 0;
  for (const score of scores) highest = Math.max(highest, score);
  for (const score of scores) sum += Math.exp(score - highest);
  return highest + Math.log(sum);
}
