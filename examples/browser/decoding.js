// What a net says of words to labels, confidences and entities (nlptrain_runtime/decoding.py, chain.py and answers.py).

import { FORBIDDEN } from "./description.js";

const OPENING = new Set("BSU"), CLOSING = new Set("ESLU");

/** Emissions, an array of C numbers for each word, to labels and entities. */
export class Decoder {
  constructor({ labels, scheme, decoding }) {
    this.labels = labels;
    this.decoding = decoding;
    this.parts = labels.map((label) => (scheme === "plain" ? null : /^([BIESLU])-(.+)$/su.exec(label)));
    this.plain = scheme === "plain";
    this.tables = decoding.rule === "chain" ? decoding : schemeTables(this.parts, scheme);
  }

  /** The label of each word: the best path of a chain, or each word's best one, put right where these break the scheme. */
  best(emissions) {
    if (this.decoding.rule === "chain") return viterbi(emissions, this.tables);
    const each = emissions.map(highest);
    return this.decoding.rule === "independent" || this.allowed(each) ? each : viterbi(emissions, this.tables);
  }

  allowed(labels) {
    const { transitions, start, end } = this.tables;
    return start[labels[0]] > FORBIDDEN && end[labels.at(-1)] > FORBIDDEN
      && labels.every((label, at) => !at || transitions[labels[at - 1]][label] > FORBIDDEN);
  }

  /** Label or tag, first word, word after the last and confidence of each entity; of plain tags, of each word. */
  spans(emissions) {
    const best = this.best(emissions);
    const sure = confidences(emissions, best, this.decoding, this.tables);
    const places = this.plain ? best.map((_, at) => [at, at]) : this.entities(best);
    return places.map(([first, last]) => {
      let least = Infinity;
      for (let at = first; at <= last; at++) least = Math.min(least, sure[at]);
      const label = this.plain ? this.labels[best[first]] : this.parts[best[first]][2];
      return [label, first, last + 1, Math.round(1e4 * least) / 1e4];
    });
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

/** 0 for the neighbors that the scheme allows. */
function schemeTables(parts, scheme) {
  const follows = (one, other) => (mayFollow(one, other, scheme) ? 0 : FORBIDDEN);
  return {
    transitions: parts.map((one) => parts.map((other) => follows(one, other))),
    start: parts.map((part) => follows(null, part)),
    end: parts.map((part) => follows(part, null)),
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

function highest(scores) {
  let best = 0;
  for (let label = 1; label < scores.length; label++) if (scores[label] > scores[best]) best = label;
  return best;
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
  const path = [highest(scores.map((score, label) => score + end[label]))];
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
  let most = -Infinity, sum = 0;
  for (const score of scores) most = Math.max(most, score);
  for (const score of scores) sum += Math.exp(score - most);
  return most + Math.log(sum);
}
