"""Compare the browser's page with `nlptrain predict`: python -m scripts.check_browser RUN TEXT_FILE.

RUN is exported in fp32 into the page's folder, which `make browser` builds (npm); 200 lines of TEXT_FILE are tagged by
both, in headless Chromium. Needs Debian's chromium and chromium-driver. `--picture FILE` photographs the page.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nlptrain.data.text_files import lines
from nlptrain.deploy.export import export_onnx
from nlptrain.models import load_token_model
from nlptrain.models.prediction import predict

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
const wait = async () => { while (!window.tagger) await new Promise((go) => setTimeout(go, 50)); };
const tag = async () => {
  const found = [];
  for (const text of texts) found.push(await tagger.predict(text));
  return found;
};
wait().then(tag).then(done, (error) => done(String(error)));
"""


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
            yield Driver(port, profile)
        finally:
            process.terminate()
            process.wait()


def bare(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer whose confidences keep three digits: the last one is rounded by the sums' order."""
    name = "words" if "words" in answer else "entities"
    parts = [{**part, "confidence": round(part["confidence"], 3)} for part in answer[name]]
    return {"text": answer["text"], name: parts}


def main() -> None:
    """Export, build, serve, ask, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("text", type=Path)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    texts = list(islice((line for _, line in lines(given.text) if line.strip()), LINES))
    model = load_token_model(given.run)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "exported"
        export_onnx(model, folder, ["fp32"], say=print)
        subprocess.run(["make", "browser", f"MODEL={folder}"], check=True)
    with served(DIST) as address, browser() as driver:
        driver.post("/timeouts", {"script": 240_000})
        driver.post("/url", {"url": address})
        found = driver.post("/execute/async", {"script": _ASK, "args": [texts]})
        if isinstance(found, str):
            raise SystemExit(f"error: the page failed: {found}")
        if given.picture:
            given.picture.write_bytes(driver.picture())
    wanted = [bare(answer) for answer in predict(model, texts)]
    same = sum(one == bare(other) for one, other in zip(wanted, found, strict=True))
    parts = sum(len(answer.get("entities", answer.get("words", []))) for answer in wanted)
    print(f"{same} of {len(texts)} lines have the same tags, offsets and confidences ({parts} in all)")
    raise SystemExit(same != len(texts))


if __name__ == "__main__":
    main()
