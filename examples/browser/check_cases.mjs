// node check_cases.mjs CASES PATTERN_FILE DESCRIPTION ...: what the page answers, as JSON.
// node check_cases.mjs --predict FOLDER TEXTS: the answers of the tagger in FOLDER to a JSON list of texts, or why it is refused.

import { readFile } from "node:fs/promises";

const [first, second, ...others] = process.argv.slice(2);
const json = async (file) => JSON.parse(await readFile(file, "utf8"));
let found;
if (first === "--predict") {
  const { loadTagger } = await import("./tagger.js");
  try {
    const tagger = await loadTagger(async (name) => new Uint8Array(await readFile(`${second}/${name}`)));
    found = [];
    for (const text of await json(others[0])) found.push(await tagger.predict(text));
  } catch (error) {
    found = { refused: `${error.constructor.name}: ${error.message}` };
  }
} else {
  const { answers, refusal } = await import("./cases.js");
  found = answers(await json(first), await readFile(second, "utf8"));
  found.refusals = [];
  for (const file of others) found.refusals.push(await refusal(await readFile(file)));
}
process.stdout.write(JSON.stringify(found));
