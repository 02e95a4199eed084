// The page: load the tagger in the folder ?model=NAME, next to the page, and tag the text while it is typed.

import * as ort from "onnxruntime-web";
import { FolderError, NAME } from "./description.js";
import { loadTagger } from "./tagger.js";

const MAX_BYTES = 512 * 2 ** 20; // of a file

const folder = new URLSearchParams(location.search).get("model") ?? "exported";
const [text, result, status] = ["text", "result", "status"].map((id) => document.getElementById(id));
ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send
let bytes = 0;
const fetchBytes = async (name) => {
  const response = await fetch(`${folder}/${name}`, { mode: "same-origin", redirect: "error" });
  if (!response.ok) throw new FolderError(`${folder}/${name}: ${response.status} ${response.statusText}`);
  if (Number(response.headers.get("content-length")) > MAX_BYTES) throw new FolderError(`${folder}/${name}: found more than ${MAX_BYTES} bytes`);
  const content = new Uint8Array(await response.arrayBuffer());
  bytes += content.length;
  return content;
};
const started = performance.now();
try {
  if (!NAME.test(folder)) throw new FolderError("model: expected a folder next to this page, e.g. ?model=exported");
  const tagger = await loadTagger(fetchBytes);
  const loaded = performance.now() - started;
  window.tagger = tagger;
  let newest = 0;
  const show = async () => {
    const request = ++newest;
    const requested = performance.now();
    const prediction = await tagger.predict(text.value);
    const milliseconds = performance.now() - requested;
    if (request !== newest) return; // the text has changed since
    render(prediction);
    status.textContent = `${(bytes / 1e6).toFixed(1)} MB, loaded in ${loaded.toFixed(0)} ms; this text took ${milliseconds.toFixed(1)} ms`;
  };
  text.addEventListener("input", () => show().catch((error) => { status.textContent = error.message; }));
  await show();
} catch (error) {
  window.failure = error.message; // for programs that drive the page
  status.textContent = `${error.message} (nlptrain export RUN exported --precision int8)`;
}

function render({ text: whole, entities, words }) {
  const points = Array.from(whole);
  result.replaceChildren();
  let at = 0;
  for (const part of entities ?? words) {
    result.append(points.slice(at, part.start).join(""));
    const mark = document.createElement("mark");
    const label = document.createElement("small");
    label.textContent = part.label ?? part.tag ?? "";
    mark.title = `confidence ${part.confidence}`;
    mark.append(points.slice(part.start, part.end).join(""), label);
    result.append(mark);
    at = part.end;
  }
  result.append(points.slice(at).join(""));
}
