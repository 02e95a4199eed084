// Text to words, and the features of a word (nlptrain_runtime/word_splitter.py and word_features.py).

/** The words of `text` with their offsets in code points. */
export function split(text, pattern) {
  const words = [];
  const whole = text.toWellFormed(); // halves of surrogate pairs become U+FFFD
  let units = 0, points = 0;
  for (const match of whole.matchAll(pattern)) {
    points += countPoints(whole, units, match.index);
    const length = countPoints(match[0], 0, match[0].length);
    words.push({ text: match[0], start: points, end: points + length });
    points += length;
    units = match.index + match[0].length;
  }
  return words;
}

function countPoints(text, from, to) {
  let count = 0;
  for (let at = from; at < to; at++, count++) {
    if (text.codePointAt(at) > 0xffff) at++;
  }
  return count;
}

/** The code points of `word`; of a longer word, the first and the last `maxCharacters / 2`. */
export function characterCodes(word, maxCharacters) {
  const points = Array.from(word, (character) => character.codePointAt(0));
  const half = Math.floor(maxCharacters / 2);
  return points.length <= maxCharacters ? points : points.slice(0, maxCharacters - half).concat(points.slice(points.length - half));
}

/** The class of `word` by its letters, digits and marks. */
export function wordShape(word) {
  const [letters, digits, marks] = [/\p{L}/u.test(word), /\p{N}/u.test(word), /[\p{P}\p{S}]/u.test(word)];
  if (digits) return letters ? 6 : marks ? 7 : 5;
  if (letters && marks) return 8;
  if (!letters) return marks ? 9 : 10;
  const [lower, upper] = [word.toLowerCase(), word.toUpperCase()];
  if (lower === upper) return 4;
  if (word === lower) return 0;
  const first = String.fromCodePoint(word.codePointAt(0)), rest = word.slice(first.length);
  if (word === upper && rest) return 2;
  return first === first.toUpperCase() && rest === rest.toLowerCase() ? 1 : 3;
}
