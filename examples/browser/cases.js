// What the page makes of tests/runtime/cases.json; tests/runtime/test_cases.py compares it with what Python makes of it.

import { Decoder } from "./decoding.js";
import { readDescription } from "./description.js";
import { OVERLAPS, cutWindows } from "./windows.js";
import { characterCodes, shapeOf, split } from "./words.js";

/** The message with which a description is refused, or null. */
export async function refusal(bytes) {
  return readDescription(bytes).then(() => null, (error) => error.message);
}

/** The text of a case: one string, or a part and how often it is repeated. */
export const textOf = (text) => (typeof text === "string" ? text : text[0].repeat(text[1]));

/** Words, windows, decoded labels, shapes and characters, in the order of the cases. */
export function answers({ words, windows, decoding, spelling }, pattern) {
  return {
    words: words.map(({ text }) => split(textOf(text), new RegExp(pattern, "gu")).map((word) => [word.text, word.start, word.end])),
    windows: windows.map(({ sizes, room, rule }) => cutWindows(sizes, room, OVERLAPS[rule]).map(({ start, end, first, last }) => [start, end, first, last])),
    decoding: decoding.map(({ emissions, ...described }) => {
      const decoder = new Decoder(described);
      return { best: decoder.best(emissions), spans: decoder.spans(emissions) };
    }),
    spelling: spelling.map(({ word, most }) => [shapeOf(word), characterCodes(word, most)]),
  };
}
