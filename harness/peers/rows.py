"""Result rows, as harness/results.c writes them (docs/measuring.md defines the fields)."""

import hashlib
import json
import os
import time
from typing import Any, Dict, Optional

from .clock import Timing

SCHEMA = 1
FOLDER = "harness/peers/implementations/"
SAMPLES_MOST = 60  # that a row lists
DETAIL_MOST = 511  # characters

Row = Dict[str, Any]


def rounded(value: Any) -> Any:
    """With every real number in it to 7 digits, as all rows have them; None when not finite."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.7g}") if value - value == 0 else None
    return value


def source_hash(path: str) -> str:
    """As harness/inventory.sh has it in the binary, so that a table can tell when it changed."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def time_of(timing: Timing) -> Row:
    s = timing.summary
    row = {"count": s.count, "cache": "cold", "warmup": timing.warmup, "stop": timing.stop,
           "min_ms": s.min, "q1_ms": s.q1, "median_ms": s.median, "q3_ms": s.q3, "max_ms": s.max,
           "low_ms": s.low, "high_ms": s.high}
    if s.count <= SAMPLES_MOST:
        row["samples_ms"] = timing.samples_ms
    return row


def make(info: Row, machine: Row, case: Row, peer: Any, check: Row, repeat: str,
         timing: Optional[Timing] = None, memory_bytes: int = 0) -> Row:
    """A row. `info` and `case` are what the binary says of itself and of the case."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "implementations", peer.file)
    row = {"schema": SCHEMA, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
           "commit": info["version"], "dirty": info["dirty"], "op": case["op"],
           "variant": peer.name, "backend": "peer", "source": source_hash(source),
           "file": FOLDER + peer.file, "package": peer.package, "grade": "exact"}
    row.update({key: case[key] for key in ("suite", "case", "keys")}, check=check)
    row.update({key: case[key] for key in ("bytes", "flops", "exps")})
    if memory_bytes:
        row["memory_bytes"] = memory_bytes
    if timing:
        gbs = case["bytes"] / timing.summary.median * 1e-6
        row.update(time=time_of(timing), gbs=gbs)
        copy = machine.get("copy_gbs", 0)
        row["copy_fraction"] = gbs / copy if copy else None
    row.update(machine=machine, repeat=repeat)
    return {key: value if key in ("keys", "machine") else rounded(value)
            for key, value in row.items()}


class File:
    """Appends rows; each is on the disk when append() returns."""

    def __init__(self, path: Optional[str]) -> None:
        self.file = None
        if path is None:
            return
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        self.file = open(path, "ab+")
        self._end_line()

    def _end_line(self) -> None:
        """A last row that only lacks its newline gets it, one that was cut off is dropped."""
        assert self.file
        self.file.seek(0)
        start, last = 0, b""
        for line in self.file:
            start, last = start + len(last), line
        if not last or last.endswith(b"\n"):
            return
        try:
            json.loads(last)
            self.file.write(b"\n")
        except ValueError:
            self.file.truncate(start)
        self.file.flush()

    def append(self, row: Row) -> None:
        if not self.file:
            return
        text = json.dumps(row, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        self.file.write(text.encode("utf-8") + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def close(self) -> None:
        if self.file:
            self.file.close()
