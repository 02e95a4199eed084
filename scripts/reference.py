"""Write docs/configuration.md from the configuration's schema: python -m scripts.reference."""

from __future__ import annotations

from nlptrain.config.schema import reference
from scripts.runs import ROOT

OUT = ROOT / "docs/configuration.md"

if __name__ == "__main__":
    OUT.write_text(reference(), encoding="utf-8")
    print(f"written: {OUT.relative_to(ROOT)}")
