"""The report: what was found, as JSON and as Markdown, written anew after every row."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mpsnn import _core
from mpsnn.verify.checks import GRADIENT_LIMIT, LIMIT, TRAINING_LIMIT, Outcome
from mpsnn.verify.speed import peer_of

PARITY = (
    "The largest deviation of loss, result and gradients, relative to the largest element of each. "
    f"At most {LIMIT:g} agrees; in training steps {TRAINING_LIMIT:g}."
)
RECORDED = (
    "Apple prints formulas for these that contradict one another; which of them the kernels "
    "compute is not known."
)
GRADIENTS = (
    "Beside difference quotients in float64, along two directions each. "
    f"At most {GRADIENT_LIMIT:g} agrees."
)
SPEED = (
    "Images per second in training, divided by those of `{peer}`: the median of rounds in "
    "alternation, and the lowest and highest."
)
SLOW = " The reference is written to be read, not to be fast."

ATTACH = "Please attach report.json and report.md to an issue of the project."


def system() -> str:
    """The operating system and its version."""
    release = platform.mac_ver()[0]
    return f"macOS {release}" if release else f"{platform.system()} {platform.release()}"


def facts(backend: str, version: str) -> dict[str, Any]:
    """What was tested, and on what."""
    fields = ("backend", "name", "kind", "low_power", "headless", "memory_bytes")
    return {
        "mpsnn": version,
        "backend": backend,
        "machine": platform.machine(),
        "system": system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "devices": [{f: getattr(device, f) for f in fields} for device in _core.devices()],
        "backends": [
            {"name": name, "available": available, "detail": detail}
            for name, available, detail in _core.backend_status()
        ],
    }


class Report:
    """What was found so far. The files tell which row was under way if the process dies."""

    SECTIONS = ("parity", "recorded", "gradients", "probes", "speed")

    def __init__(
        self, folder: Path, backend: str, version: str, skipped: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.facts = {**facts(backend, version), "skipped": list(skipped)}
        self.rows: dict[str, list[Outcome]] = {section: [] for section in self.SECTIONS}
        self.under_way: str | None = "nothing yet"

    def start(self, name: str) -> None:
        """The row `name` begins."""
        self.under_way = name
        self.write()

    def add(self, section: str, outcome: Outcome) -> None:
        """A row has ended."""
        self.rows[section].append(outcome)

    def finish(self) -> None:
        """Nothing is under way any more."""
        self.under_way = None
        self.write()

    @property
    def passed(self) -> bool:
        """Whether all that is judged agrees, or is refused."""
        judged = [*self.rows["parity"], *self.rows["gradients"]]
        return all(row["status"] in ("agrees", "refused") for row in judged)

    def write(self) -> None:
        """Both files, whole."""
        found = {"finished": self.under_way is None, "under_way": self.under_way}
        whole = {**found, "passed": self.passed, **self.facts, **self.rows}
        text = json.dumps(whole, indent=1, allow_nan=False)
        (self.folder / "report.json").write_text(text + "\n", encoding="utf-8")
        (self.folder / "report.md").write_text(self.markdown(), encoding="utf-8")

    def markdown(self) -> str:
        """The report to read."""
        backend = self.facts["backend"]
        peer = peer_of(backend)
        parts = [
            f"# `{backend}` on {self.facts['system']}, {self.facts['machine']}",
            ATTACH,
            self._verdict(),
            self._machine(),
            "## Parity with the reference",
            PARITY,
            deviations(self.rows["parity"]),
            "## Recorded, not judged",
            RECORDED,
            deviations(self.rows["recorded"]),
            "## Gradients of the reference",
            GRADIENTS,
            deviations(self.rows["gradients"]),
            "## Probes",
            self._probes(),
            "## Speed",
            SPEED.format(peer=peer) + (SLOW if peer == "reference" else ""),
            self._speed(),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _verdict(self) -> str:
        if self.under_way is not None:
            return f"**Not finished.** Under way: {self.under_way}."
        count = {
            status: sum(row["status"] == status for row in self.rows["parity"])
            for status in ("agrees", "differs", "failed", "refused")
        }
        what = ", ".join(f"{number} {status}" for status, number in count.items() if number)
        left_out = "".join(f" Rows with '{text}' were left out." for text in self.facts["skipped"])
        return f"**{'Passed' if self.passed else 'Not passed'}.** Parity: {what}.{left_out}"

    def _machine(self) -> str:
        versions = [[name, self.facts[name]] for name in ("mpsnn", "python", "numpy")]
        devices = [
            [f"device of {d['backend']}", f"{d['name']}, {d['kind']}"]
            for d in self.facts["devices"]
        ]
        backends = [
            [b["name"], f"{'yes' if b['available'] else 'no'}: {b['detail']}"]
            for b in self.facts["backends"]
        ]
        return table(["what", "here"], [*versions, *devices, *backends])

    def _probes(self) -> str:
        columns = list(
            dict.fromkeys(name for row in self.rows["probes"] for name in row["answers"])
        )
        rows = [
            [row["name"], *(row["answers"][name] for name in columns), row["note"]]
            for row in self.rows["probes"]
        ]
        return table(["question", *columns, "note"], rows)

    def _speed(self) -> str:
        rows = [
            [row["name"], *(row.get(key, "") for key in ("ratio", "lowest", "highest", "reason"))]
            for row in self.rows["speed"]
        ]
        return table(["step", "ratio", "lowest", "highest", "why not"], rows)


def deviations(rows: Sequence[Outcome]) -> str:
    """A table of outcomes."""
    cells = [
        [row["name"], row["status"], "" if row.get("deviation") is None else row["deviation"], row.get("where") or "",
         row.get("reason", "")]
        for row in rows
    ]  # fmt: skip
    return table(["row", "outcome", "deviation", "where", "why not"], cells)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Markdown; nothing if there are no rows. A column that is empty is left out."""
    if not rows:
        return ""
    text = [[cell(value) for value in row] for row in rows]
    kept = [i for i in range(len(head)) if any(row[i] for row in text)]
    lines = [
        [head[i] for i in kept],
        ["---"] * len(kept),
        *([row[i] for i in kept] for row in text),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(value: Any) -> str:
    """A number with three digits; text without what would end a cell."""
    if isinstance(value, float):
        value = f"{value:.2e}" if 0 < value < 1e-2 else f"{value:.3g}"
    return str(value).replace("|", "\\|").replace("\n", " ")
