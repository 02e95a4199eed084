// The page: loads the tagger in the folder ?model=NAME, next to the page, and tags what is typed.

import * as ort from "onnxruntime-web";
import { FolderError, NAME } from "./description.js";
import { loadTagger } from "./tagger.js";

const MOST_BYTES = 512 * 2 ** 20; // of a file

const folder = new URLSearchParams(location.search).get("model") ?? "exported";
const [text, answer, facts] = ["text", "answer", "facts"].map((id) => document.getElementById(id));
ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send
let bytes = 0;
const fetchBytes = async (name) => {
  const response = await fetch(`${folder}/${name}`, { mode: "same-origin", redirect: "error" });
  if (!response.ok) throw new FolderError(`${folder}/${name}: ${response.status} ${response.statusText}`);
  if (Number(response.headers.get("content-length")) > MOST_BYTES) throw new FolderError(`${folder}/${name}: larger than ${MOST_BYTES} bytes`);
  const found = new Uint8Array(await response.arrayBuffer());
  bytes += found.length;
  return found;
};
const started = performance.now();
try {
  if (!NAME.test(folder)) throw new FolderError("model: must be a folder next to this page, e.g. ?model=exported");
  const tagger = await loadTagger(fetchBytes);
  const loaded = performance.now() - started;
  window.tagger = tagger;
  let newest = 0;
  const show = async () => {
    const number = ++newest;
    const begun = performance.now();
    const found = await tagger.predict(text.value);
    const taken = performance.now() - begun;
    if (number !== newest) return; // typed on meanwhile
    paint(found);
    facts.textContent = `${(bytes / 1e6).toFixed(1)} MB, loaded in ${loaded.toFixed(0)} ms; this text took ${taken.toFixed(1)} ms`;
  };
  text.addEventListener("input", () => show().catch((error) => { facts.textContent = error.message; }));
  await show();
} catch (error) {
  window.failure = error.message; // for who drives the page by a program
  facts.textContent = `${error.message} (nlptrain export RUN exported --precision int8)`;
}

function paint({ text: whole, entities, words }) {
  const points = Array.from(whole);
  answer.replaceChildren();
  let at = 0;
  for (const part of entities ?? words) {
    answer.append(points.slice(at, part.start).join(""));
    const mark = document.createElement("mark");
    const label = document.createElement("small");
    label.textContent = part.label ?? part.tag ?? "";
    mark.title = `confidence ${part.confidence}`;
    mark.append(points.slice(part.start, part.end).join(""), label);
    answer.append(mark);
    at = part.end;
  }
  answer.append(points.slice(at).join(""));
}
