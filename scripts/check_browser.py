"""Compare the browser's page with `nlptrain predict`: python -m scripts.check_browser RUN TEXT_FILE.

RUN is exported in fp32 into the page's folder, which `make browser` builds (npm); 200 lines of TEXT_FILE are tagged by
both, in headless Chromium. The page also answers tests/runtime/cases.json, and refuses models from elsewhere.
Needs Debian's chromium and chromium-driver. `--picture FILE` photographs the page.
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
from nlptrain.export.export import export_onnx
from nlptrain.models import load_token_model
from nlptrain.models.prediction import predict
from tests.helpers.cases import CASES, changed, check_tables, described_cases, text_of

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
_ASK = """
const [texts, done] = arguments;
const wait = async () => {
  while (!window.tagger && !window.failure) await new Promise((go) => setTimeout(go, 50));
  if (window.failure) throw new Error(window.failure);
};
const tag = async () => {
  const found = [];
  for (const text of texts) found.push(await tagger.predict(text));
  return found;
};
wait().then(tag).then(done, (error) => done(String(error)));
"""
_CASES = """
const [cases, pattern, descriptions, done] = arguments;
const run = async () => {
  const { answers, refusal } = await import(new URL("./cases.js", location.href));
  const found = answers(cases, pattern);
  found.refusals = [];
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  for (const text of descriptions) found.refusals.push(await refusal(bytes(text)));
  return found;
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
ELSEWHERE = [
    "https://example.org/x",
    "//example.org/x",
    "../exported",
    "/exported",
    "data:,x",
    "exported/../exported",
    "",
]


class Quiet(SimpleHTTPRequestHandler):
    """A file server that does not tell what it serves."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """An address at which ``folder`` is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


class Driver:
    """ChromeDriver, asked as WebDriver says."""

    def __init__(self, port: int, profile: str) -> None:
        """Open a window."""
        self._base = f"http://127.0.0.1:{port}"
        options = {"args": [*ARGUMENTS, f"--user-data-dir={profile}"], "binary": "/usr/bin/chromium"}
        asked = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        self._session = f"/session/{self.post('/session', asked, whole=True)['sessionId']}"

    def post(self, path: str, given: dict[str, Any], *, whole: bool = False) -> Any:  # noqa: ANN401
        """What the driver answers to ``given``."""
        address = self._base + (path if whole else self._session + path)
        asked = urllib.request.Request(address, json.dumps(given).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=300) as answer:
            return json.load(answer)["value"]

    def close(self) -> None:
        """Close the browser, which outlives its driver otherwise."""
        asked = urllib.request.Request(self._base + self._session, method="DELETE")
        urllib.request.urlopen(asked, timeout=60).close()

    def picture(self) -> bytes:
        """The window as a PNG."""
        with urllib.request.urlopen(f"{self._base}{self._session}/screenshot", timeout=60) as answer:
            return base64.b64decode(json.load(answer)["value"])


@contextmanager
def browser() -> Iterator[Driver]:
    """A headless Chromium with an empty profile."""
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


def bare(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer whose confidences keep three digits: the last one is rounded by the sums' order."""
    name = "words" if "words" in answer else "entities"
    parts = [{**part, "confidence": round(part["confidence"], 3)} for part in answer[name]]
    return {"text": answer["text"], name: parts}


def build(folder: Path) -> None:
    """Build the page with the exported ``folder`` in it."""
    subprocess.run(["make", "browser", f"MODEL={folder}"], check=True)


def check_table(driver: Driver, folder: Path) -> None:
    """Let the page answer the table of cases that Python and Node answer; ``folder`` is the exported one."""
    described = json.loads((folder / "nlptrain.json").read_text("utf-8"))
    cases = [case for case in described_cases() if case["reads"] == described["reads"]]
    written = [json.dumps(changed(described, case)).encode() for case in cases]
    given = {name: CASES[name] for name in ("words", "windows", "decoding", "spelling")}
    encoded = [base64.b64encode(text).decode() for text in written]
    # ChromeDriver takes no halves of surrogate pairs.
    given["words"] = [case for case in CASES["words"] if _is_whole(text_of(case["text"]))]
    arguments = [given, described["splitter"]["pattern"], encoded]
    found = driver.post("/execute/async", {"script": _CASES, "args": arguments})
    if isinstance(found, str):
        raise SystemExit(f"error: the page failed: {found}")
    wrong = [case for case, why in zip(cases, found["refusals"], strict=True) if (why is None) == ("key" in case)]
    if wrong:
        raise SystemExit(f"error: the page does not refuse what Python refuses: {wrong}")
    check_tables(found, words=given["words"])
    print(f"{len(cases)} descriptions and the table of cases: as Python")


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def check_addresses(driver: Driver, address: str) -> None:
    """Refuse models that are not next to the page."""
    for model in ELSEWHERE:
        driver.post("/url", {"url": f"{address}/?{urllib.parse.urlencode({'model': model})}"})
        failure = driver.post("/execute/async", {"script": _FAILURE, "args": []})
        if not failure or "must be a folder next to this page" not in failure:
            raise SystemExit(f"error: the page does not refuse ?model={model}: {failure}")
    print(f"{len(ELSEWHERE)} addresses of models elsewhere: refused")


def main() -> None:
    """Export, build, serve, ask, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("text", type=Path)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    texts = list(islice((line for _, line in read_lines(given.text) if line.strip()), LINES))
    texts += [text for text in map(text_of, CASES["texts"]) if _is_whole(text)]
    model = load_token_model(given.run)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "exported"
        export_onnx(model, folder, ["fp32"], log=print)
        build(folder)
        with served(DIST) as address, browser() as driver:
            driver.post("/timeouts", {"script": 240_000})
            driver.post("/url", {"url": address})
            found = driver.post("/execute/async", {"script": _ASK, "args": [texts]})
            if isinstance(found, str):
                raise SystemExit(f"error: the page failed: {found}")
            if given.picture:
                given.picture.write_bytes(driver.picture())
            check_table(driver, folder)
            check_addresses(driver, address)
    wanted = [bare(answer) for answer in predict(model, texts)]
    same = sum(one == bare(other) for one, other in zip(wanted, found, strict=True))
    parts = sum(len(answer.get("entities", answer.get("words", []))) for answer in wanted)
    print(f"{same} of {len(texts)} lines have the same tags, offsets and confidences ({parts} in all)")
    raise SystemExit(same != len(texts))


if __name__ == "__main__":
    main()
