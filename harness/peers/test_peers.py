"""Tests of the peers' frame, with the standard library alone: python3 -m unittest peers.test_peers

The binary under test is the one that the environment variable SSMBENCH names.
"""

import json
import os
import struct
import tempfile
import types
import unittest
from typing import Any, Dict, List
from unittest import mock

from . import clock, rows, safetensors
from .binary import TOP, Binary, Refused, exactly
from .stats import median_interval, quantile, summarise

SUITE = """
[one/tap]
op = conv1d
channels = 2
length = 5
width = 1
inputs = integers
why = its output is weight*x
[zeros]
op = conv1d
channels = 2
length = 5
inputs = zeros
why = rows that have to be zero
[half]
op = conv1d
channels = 2
length = 5
dtype = bf16
why = half an ulp
"""


def floats(data: bytearray, code: str) -> List[float]:
    return list(struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data))


class InFolder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "file")
        self.suite = os.path.join(folder.name, "s.ini")
        with open(self.suite, "w", encoding="ascii") as file:
            file.write(SUITE)
        self.binary = Binary(os.environ.get("SSMBENCH"))

    def case(self, name: str) -> Dict[str, Any]:
        (case,) = [c for c in self.binary.cases(self.suite) if c["case"] == name]
        return case

    def export(self, name: str) -> safetensors.File:
        self.binary.export(self.suite, self.case(name), self.path)
        return safetensors.read_header(self.path)


class Reader(InFolder):
    def test_reads_what_ssmbench_export_wrote(self) -> None:
        file = self.export("one/tap")
        self.assertEqual(set(file.tensors), {"x", "weight", "out"})
        self.assertEqual(file.tensors["x"].shape, (1, 2, 5))
        self.assertEqual(file.tensors["out"].dtype, "F64")
        self.assertEqual(file.metadata["op"], "conv1d")
        self.assertEqual(file.metadata["length"], "5")
        self.assertEqual(file.metadata["out.dtype"], "F32")
        x, weight = (floats(file.read(name), "f") for name in ("x", "weight"))
        self.assertLessEqual(set(x), {-1, 0, 1})
        self.assertTrue(any(x) and any(weight))
        self.assertEqual(floats(file.read("out"), "d"), [weight[i // 5] * x[i] for i in range(10)])

    def test_a_file_that_is_cut_off_is_refused_wherever(self) -> None:
        self.export("one/tap")
        with open(self.path, "rb") as file:
            whole = file.read()
        for length in range(len(whole)):
            with open(self.path, "wb") as file:
                file.write(whole[:length])
            with self.assertRaises(safetensors.FormatError, msg=f"{length} bytes"):
                safetensors.read_header(self.path)

    def test_headers_that_lie_are_refused(self) -> None:
        good = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        headers: List[Any] = [
            [], 3, None, {"a": 3}, {"a": {}}, {"a": dict(good, dtype="F31")},
            {"a": dict(good, dtype=["F32"])}, {"a": dict(good, shape=[3])},
            {"a": dict(good, shape=[-2])}, {"a": dict(good, shape=[True, 2])},
            {"a": dict(good, shape=[2.0])}, {"a": dict(good, shape="2")},
            {"a": dict(good, data_offsets=[0, 7])}, {"a": dict(good, data_offsets=[8, 0])},
            {"a": dict(good, data_offsets=[0])}, {"a": dict(good, data_offsets=[4, 12])},
            {"a": good, "b": good}, {"a": good, "b": dict(good, data_offsets=[12, 20])}, {},
        ]
        texts = [json.dumps(header).encode() for header in headers]
        for text in texts + [b"{", b"\xff\xff", b'{"a": 1} x']:
            with open(self.path, "wb") as file:
                file.write(struct.pack("<Q", len(text)) + text + bytes(8))
            with self.assertRaises(safetensors.FormatError, msg=text):
                safetensors.read_header(self.path)
        for length in (3, 2**40, 2**64 - 1):
            with open(self.path, "wb") as file:
                file.write(struct.pack("<Q", length) + b"{}")
            with self.assertRaises(safetensors.FormatError, msg=f"length {length}"):
                safetensors.read_header(self.path)

    def test_reads_what_it_writes(self) -> None:
        data = {"a": struct.pack("<3f", 1, 2, 3), "ß": struct.pack("<2d", 4, 5), "none": b""}
        safetensors.write(self.path, [("a", "F32", (3, 1), data["a"]), ("none", "F16", (0,), b""),
                                      ("ß", "F64", (2,), data["ß"])])
        file = safetensors.read_header(self.path)
        self.assertEqual(file.tensors["a"].shape, (3, 1))
        self.assertEqual({name: bytes(file.read(name)) for name in file.tensors}, data)


class ErrorRule(InFolder):
    """Rows made by hand, judged by the binary: the rule that variants are judged by."""

    def check(self, name: str, change: Any) -> Dict[str, Any]:
        """`change` gets the reference's elements, and returns the output's bytes."""
        file = self.export(name)
        out = file.tensors["out"]
        data = change(floats(file.read("out"), "d"))
        other = self.path + ".out"
        safetensors.write(other, [("out", file.metadata["out.dtype"], out.shape, data)])
        return self.binary.check(self.path, other)

    def test_whole_numbers_have_to_be_exact(self) -> None:
        def change(by: float) -> Any:
            return lambda out: struct.pack("<10f", out[0] + by, *out[1:])
        self.assertEqual(self.check("one/tap", change(0)),
                         {"status": "PASS", "error": 0, "errors": {"out": 0}})
        check = self.check("one/tap", change(1e-6))
        self.assertEqual(check["status"], "WRONG")
        self.assertIn("out[0,0,0] = ", check["detail"])
        self.assertEqual(self.check("one/tap", change(float("inf")))["status"], "NONFINITE")
        self.assertIsNone(self.check("one/tap", change(float("nan")))["error"])

    def test_rows_of_zeros_have_to_be_zero(self) -> None:
        self.assertEqual(self.check("zeros", lambda _: bytes(40))["status"], "PASS")
        check = self.check("zeros", lambda _: bytes(36) + struct.pack("<f", 1e-30))
        self.assertEqual((check["status"], check["error"]), ("WRONG", None))

    def test_half_an_ulp_of_bf16_is_allowed(self) -> None:
        def change(ulps: int) -> Any:
            def rounded(out: List[float]) -> bytes:
                bits = [struct.unpack("<I", struct.pack("<f", value))[0] for value in out]
                near = [(b + 0x7fff + (b >> 16 & 1)) >> 16 for b in bits]
                return struct.pack("<10H", near[0] + ulps, *near[1:])
            return rounded
        self.assertEqual(self.check("half", change(0))["status"], "PASS")
        self.assertEqual(self.check("half", change(1))["status"], "WRONG")

    def test_unwritten_elements_are_named(self) -> None:
        self.assertEqual(self.check("one/tap", lambda _: b"\xff" * 40)["status"], "UNWRITTEN")


class Stats(unittest.TestCase):
    # As in harness/stats_test.c: from tables of the sign test.
    RANKS = {6: (0, 5), 7: (0, 6), 8: (0, 7), 9: (1, 7), 10: (1, 8), 15: (3, 11), 20: (5, 14),
             30: (9, 20), 50: (17, 32), 100: (39, 60)}

    def test_ranks_of_the_median_interval(self) -> None:
        self.assertEqual({count: median_interval(count) for count in self.RANKS}, self.RANKS)
        self.assertEqual([median_interval(count) for count in range(6)], [None] * 6)

    def test_summaries(self) -> None:
        s = summarise([41, 7, 36, 39, 40, 15])  # quantile() of R
        self.assertEqual((s.count, s.min, s.q1, s.median, s.q3, s.max),
                         (6, 7, 20.25, 37.5, 39.75, 41))
        self.assertEqual((s.low, s.high), (7, 41))
        self.assertIsNone(summarise([1, 2, 3, 4, 5]).low)
        self.assertEqual(quantile([1, 2, 4], 0.75), 3)

    def test_settled(self) -> None:
        self.assertTrue(summarise([100, 100, 100, 100, 100, 101]).settled(0.005))
        self.assertFalse(summarise([100, 100, 100, 100, 100, 102]).settled(0.005))
        self.assertFalse(summarise([100, 100]).settled(0.005))


class Clock(unittest.TestCase):
    """Against a clock of which each run takes what it is told to."""

    def measure(self, times_ms: Any, limit_s: float) -> clock.Timing:
        self.now = 0.0
        self.cold: List[bool] = []

        def run(cold: bool) -> float:
            self.cold.append(cold)
            time_ms = float(next(times_ms))
            self.now += time_ms * 1e-3
            return time_ms

        fake = types.SimpleNamespace(monotonic=lambda: self.now)
        with mock.patch.object(clock, "time", fake):
            return clock.measure(run, limit_s)

    def test_steady_times_stop_at_a_look(self) -> None:
        for time_ms, count in ((10.0, 30), (4.0, 60), (1.0, 240)):
            timing = self.measure(iter(lambda: time_ms, None), 5)
            self.assertEqual((timing.warmup, timing.stop), ("steady", "interval"))
            self.assertEqual(timing.summary.count, count)
            self.assertEqual(self.cold.count(True), count)

    def test_others_stop_at_the_limit_but_not_before_three(self) -> None:
        timing = self.measure((10 + 5 * (i % 3) + i % 7 for i in range(10**6)), 5)
        self.assertEqual(timing.stop, "limit")
        self.assertGreaterEqual(sum(timing.samples_ms), 5000)
        timing = self.measure(iter(lambda: 4000.0, None), 5)
        self.assertEqual((timing.warmup, timing.summary.count), ("limit", 3))


class Rows(InFolder):
    PEER = types.SimpleNamespace(name="pytorch_eager", package="torch 9.9", full="x",
                                 file="pytorch_selscan.py")

    def committed(self) -> Dict[str, Any]:
        with open(os.path.join(TOP, "results/amd-epyc/speedup.jsonl"), encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
        return next(row for row in found if row["check"]["status"] == "PASS")

    def make(self) -> Dict[str, Any]:
        like = self.committed()
        case = next(c for c in self.binary.cases("speedup") if c["case"] == like["case"])
        samples = like["time"]["samples_ms"]
        timing = clock.Timing(samples, summarise(samples), "steady", "limit")
        check = {"status": "PASS", "error": 1e-7, "errors": {"out": 1e-7}, "run_s": 0.25}
        return rows.make(dict(version="abc", dirty=False), like["machine"], case, self.PEER, check,
                         "again", timing)

    def test_a_row_has_the_fields_of_ssmbenchs_own(self) -> None:
        like, row = self.committed(), self.make()
        self.assertEqual(set(row) - set(like), {"file", "package"})
        self.assertEqual(set(like) - set(row), {"workspace_bytes"})
        for field in set(like) & set(row):
            self.assertIs(type(row[field]), type(like[field]), field)
        for field in ("schema", "op", "suite", "case", "bytes", "flops", "exps", "grade",
                      "machine"):
            self.assertEqual(row[field], like[field], field)
        # 0 and 0.0 differ for a table.
        self.assertEqual(*(json.dumps(r["keys"], sort_keys=True) for r in (row, like)))
        self.assertEqual(set(row["time"]), set(like["time"]))
        for field in ("count", "min_ms", "q1_ms", "median_ms", "q3_ms", "low_ms", "high_ms"):
            ratio = row["time"][field] / like["time"][field]
            self.assertAlmostEqual(ratio, 1, places=5, msg=field)
        self.assertAlmostEqual(row["copy_fraction"] / like["copy_fraction"], 1, places=5)
        self.assertEqual((row["variant"], row["backend"]), ("pytorch_eager", "peer"))
        self.assertEqual(set(like["check"]), set(row["check"]))

    def test_its_hash_is_the_one_that_the_binary_has(self) -> None:
        row = self.make()
        file = rows.File(self.path)
        self.addCleanup(file.close)
        file.append(row)
        self.assertEqual(self.binary._run("table", "stale", self.path), "")
        file.append(dict(row, source="0123456789abcdef"))
        self.assertIn("stale: selscan/pytorch_eager@peer ",
                      self.binary._run("table", "stale", self.path))

    def text_after(self, before: bytes) -> bytes:
        with open(self.path, "wb") as file:
            file.write(before)
        appended = rows.File(self.path)
        self.addCleanup(appended.close)
        appended.append({"n": 2, "real": 0.1})
        with open(self.path, "rb") as file:
            return file.read()

    def test_rows_are_appended_behind_whole_lines(self) -> None:
        last = b'{"n":2,"real":0.1}\n'
        self.assertEqual(self.text_after(b""), last)
        self.assertEqual(self.text_after(b'{"n":1}\n'), b'{"n":1}\n' + last)
        self.assertEqual(self.text_after(b'{"n":1}'), b'{"n":1}\n' + last)
        self.assertEqual(self.text_after(b'{"n":1}\n{"n'), b'{"n":1}\n' + last)

    def test_numbers_that_are_not_finite_are_null(self) -> None:
        self.assertEqual(rows.rounded({"a": [float("nan"), 0.123456789], "b": float("inf")}),
                         {"a": [None, 0.1234568], "b": None})


class TheBinary(InFolder):
    def test_names_are_matched_as_they_are(self) -> None:
        self.assertEqual(exactly("a.b/c=1e-05+"), r"^a\.b/c=1e-05\+$")

    def test_its_sentences_are_passed_on(self) -> None:
        with self.assertRaises(Refused) as caught:
            self.binary.cases("nosuch")
        self.assertEqual(caught.exception.status, 2)
        self.assertIn("nosuch.ini", str(caught.exception))
        with self.assertRaises(Refused) as caught:
            Binary("/nowhere/ssmbench")
        self.assertIn("expected --ssmbench PATH", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
