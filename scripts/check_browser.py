"""Compare the page of examples/browser with `nlptrain predict`: python -m scripts.check_browser RUN TEXT_FILE.

RUN is exported in fp32 into the folder of the page, which `make browser` builds (npm); both tag 200 lines of TEXT_FILE,
the page in headless Chromium. The page also runs tests/runtime/cases.json, and must reject models from elsewhere.
Needs Debian's chromium and chromium-driver. `--picture FILE` saves a screenshot.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nlptrain.data.text_files import read_lines
from nlptrain.deployment.export import export_onnx
from nlptrain.models import load_token_model
from nlptrain.models.prediction import predict_texts
from tests.helpers.cases import CASES, changed_description, check_tables, described_cases, expand_text

DIST = Path("examples/browser/dist")
LINES = 200
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=900,620",
]
_PREDICT = """
const [texts, done] = arguments;
const wait = async () => {
  while (!window.tagger && !window.failure) await new Promise((go) => setTimeout(go, 50));
  if (window.failure) throw new Error(window.failure);
};
const tag = async () => {
  const predictions = [];
  for (const text of texts) predictions.push(await tagger.predict(text));
  return predictions;
};
wait().then(tag).then(done, (error) => done(String(error)));
"""
_CASES = """
const [cases, pattern, descriptions, done] = arguments;
const run = async () => {
  const { results, errorMessage } = await import(new URL("./cases.js", location.href));
  const output = results(cases, pattern);
  output.errors = [];
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  for (const text of descriptions) output.errors.push(await errorMessage(bytes(text)));
  return output;
};
run().then(done, (error) => done(String(error)));
"""
_FAILURE = """
const [done] = arguments;
const wait = async () => {
  while (!window.tagger && !window.failure) await new Promise((go) => setTimeout(go, 50));
  return window.failure ?? null;
};
wait().then(done);
"""
OTHER_PLACES = [
    "https://example.org/x",
    "//example.org/x",
    "../exported",
    "/exported",
    "data:,x",
    "exported/../exported",
    "",
]


class QuietHandler(SimpleHTTPRequestHandler):
    """A file server without a log."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve ``folder`` and yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


class Driver:
    """A client of ChromeDriver by the WebDriver protocol."""

    def __init__(self, port: int, profile: str) -> None:
        """Open a window."""
        self._base = f"http://127.0.0.1:{port}"
        options = {"args": [*ARGUMENTS, f"--user-data-dir={profile}"], "binary": "/usr/bin/chromium"}
        capabilities = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        self._session = f"/session/{self.post('/session', capabilities, whole=True)['sessionId']}"

    def post(self, path: str, body: dict[str, Any], *, whole: bool = False) -> Any:  # noqa: ANN401
        """Return the value of the response to ``body``."""
        address = self._base + (path if whole else self._session + path)
        request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as response:
            return json.load(response)["value"]

    def close(self) -> None:
        """Close the browser, which would outlive its driver."""
        request = urllib.request.Request(self._base + self._session, method="DELETE")
        urllib.request.urlopen(request, timeout=60).close()

    def screenshot(self) -> bytes:
        """Return the window as a PNG."""
        with urllib.request.urlopen(f"{self._base}{self._session}/screenshot", timeout=60) as response:
            return base64.b64decode(json.load(response)["value"])


@contextmanager
def browser() -> Iterator[Driver]:
    """Start a headless Chromium with an empty profile."""
    port = 9515
    with TemporaryDirectory() as profile:
        process = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)
        try:
            time.sleep(2)
            with closing(Driver(port, profile)) as driver:
                yield driver
        finally:
            process.terminate()
            process.wait()


def rounded(prediction: dict[str, Any]) -> dict[str, Any]:
    """Round the confidences of a prediction to three digits: the fourth depends on the order of sums."""
    name = "words" if "words" in prediction else "entities"
    parts = [{**part, "confidence": round(part["confidence"], 3)} for part in prediction[name]]
    return {"text": prediction["text"], name: parts}


def build(folder: Path) -> None:
    """Build the page with the exported ``folder`` in it."""
    subprocess.run(["make", "browser", f"MODEL={folder}"], check=True)


def check_table(driver: Driver, folder: Path) -> None:
    """Run the test cases of Python and Node in the page; ``folder`` is the exported one."""
    described = json.loads((folder / "nlptrain.json").read_text("utf-8"))
    cases = [case for case in described_cases() if case["reads"] == described["reads"]]
    written = [json.dumps(changed_description(described, case)).encode() for case in cases]
    tables = {name: CASES[name] for name in ("words", "windows", "decoding", "spelling")}
    encoded = [base64.b64encode(text).decode() for text in written]
    # ChromeDriver does not accept halves of surrogate pairs.
    tables["words"] = [case for case in CASES["words"] if _is_whole(expand_text(case["text"]))]
    arguments = [tables, described["splitter"]["pattern"], encoded]
    results = driver.post("/execute/async", {"script": _CASES, "args": arguments})
    if isinstance(results, str):
        raise SystemExit(f"error: the page failed: {results}")
    errors = zip(cases, results["errors"], strict=True)
    different = [case for case, error in errors if (error is None) == ("key" in case)]
    if different:
        raise SystemExit(f"error: the page and Python accept different descriptions: {different}")
    check_tables(results, words=tables["words"])
    print(f"cases: {len(cases)} descriptions and all tables as in Python")


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def check_addresses(driver: Driver, address: str) -> None:
    """Check that the page rejects models that are not next to it."""
    for model in OTHER_PLACES:
        driver.post("/url", {"url": f"{address}/?{urllib.parse.urlencode({'model': model})}"})
        failure = driver.post("/execute/async", {"script": _FAILURE, "args": []})
        if not failure or "expected a folder next to this page" not in failure:
            raise SystemExit(f"error: the page accepts ?model={model}: {failure}")
    print(f"addresses: {len(OTHER_PLACES)} models from elsewhere rejected")


def main() -> None:
    """Export the run, build and serve the page, and compare the predictions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("text", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    texts = list(islice((line for _, line in read_lines(options.text) if line.strip()), LINES))
    texts += [text for text in map(expand_text, CASES["texts"]) if _is_whole(text)]
    model = load_token_model(options.run)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "exported"
        export_onnx(model, folder, ["fp32"], log=print)
        build(folder)
        with serve(DIST) as address, browser() as driver:
            driver.post("/timeouts", {"script": 240_000})
            driver.post("/url", {"url": address})
            predictions = driver.post("/execute/async", {"script": _PREDICT, "args": [texts]})
            if isinstance(predictions, str):
                raise SystemExit(f"error: the page failed: {predictions}")
            if options.picture:
                options.picture.write_bytes(driver.screenshot())
            check_table(driver, folder)
            check_addresses(driver, address)
    expected = [rounded(prediction) for prediction in predict_texts(model, texts)]
    equal = sum(prediction == rounded(other) for prediction, other in zip(expected, predictions, strict=True))
    parts = sum(len(prediction.get("entities", prediction.get("words", []))) for prediction in expected)
    print(f"predictions: {equal} of {len(texts)} lines equal ({parts} tags or entities with offsets and confidences)")
    raise SystemExit(equal != len(texts))


if __name__ == "__main__":
    main()
