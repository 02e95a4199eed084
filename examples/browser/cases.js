// The results of the page for tests/runtime/cases.json; tests/runtime/test_cases.py compares them with those of Python.

import { Decoder } from "./decoding.js";
import { readDescription } from "./description.js";
import { OVERLAPS, cutWindows } from "./windows.js";
import { characterCodes, wordShape, split } from "./words.js";

/** The error message for a description, or null if it is valid. */
export async function errorMessage(bytes) {
  return readDescription(bytes).then(() => null, (error) => error.message);
}

/** The text of a case: one string, or a part and the number of its repetitions. */
export const textOf = (text) => (typeof text === "string" ? text : text[0].repeat(text[1]));

/** Words, windows, decoded labels, shapes and characters, in the order of the cases. */
export function results({ words, windows, decoding, spelling }, pattern) {
  return {
    words: words.map(({ text }) => split(textOf(text), new RegExp(pattern, "gu")).map((word) => [word.text, word.start, word.end])),
    windows: windows.map(({ sizes, room, rule }) => cutWindows(sizes, room, OVERLAPS[rule]).map(({ start, end, first, last }) => [start, end, first, last])),
    decoding: decoding.map(({ emissions, ...described }) => {
      const decoder = new Decoder(described);
      return { best: decoder.decode(emissions), spans: decoder.spans(emissions) };
    }),
    spelling: spelling.map(({ word, most }) => [wordShape(word), characterCodes(word, most)]),
  };
}
