// node check_cases.mjs CASES PATTERN_FILE DESCRIPTION ...: print the results of the page as JSON.
// node check_cases.mjs --predict FOLDER TEXTS: print the predictions of the tagger in FOLDER for a JSON list of texts, or its error.

import { readFile } from "node:fs/promises";

const [first, second, ...others] = process.argv.slice(2);
const json = async (file) => JSON.parse(await readFile(file, "utf8"));
let output;
if (first === "--predict") {
  const { loadTagger } = await import("./tagger.js");
  try {
    const tagger = await loadTagger(async (name) => new Uint8Array(await readFile(`${second}/${name}`)));
    output = [];
    for (const text of await json(others[0])) output.push(await tagger.predict(text));
  } catch (error) {
    output = { error: `${error.constructor.name}: ${error.message}` };
  }
} else {
  const { results, errorMessage } = await import("./cases.js");
  output = results(await json(first), await readFile(second, "utf8"));
  output.errors = [];
  for (const file of others) output.errors.push(await errorMessage(await readFile(file)));
}
process.stdout.write(JSON.stringify(output));
