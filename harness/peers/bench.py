"""A campaign of peers: each matching one on each matching case, checked, and timed."""

import os
import re
import tempfile
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from . import rows, safetensors
from .binary import Binary, Refused, exactly
from .clock import Timing, measure
from .device import Device, save
from .peer import Peer

ROW_LIMIT_S, ROW_LEAST_S = 5.0, 0.5
RUNS_AT_LEAST = 6  # of a timed row, as harness/campaign.c counts them
TIMED = ("PASS", "WRONG")  # a peer is not ours to mend: docs/decisions.md


@dataclass(frozen=True)
class Options:
    suites: List[str]
    op: "re.Pattern[str]"
    case: "re.Pattern[str]"
    peer: "re.Pattern[str]"
    timed: bool
    budget_s: Optional[float]


class Exported:
    """A case's file, which is written, and read, when it is first asked for."""

    def __init__(self, binary: Binary, suite: str, case: rows.Row, folder: str) -> None:
        self.binary, self.suite, self.case = binary, suite, case
        self.path = os.path.join(folder, "case.safetensors")
        self.outputs_path = os.path.join(folder, "outputs.safetensors")
        self.file: Optional[safetensors.File] = None

    def get(self) -> safetensors.File:
        if self.file is None:
            self.binary.export(self.suite, self.case, self.path)
            self.file = safetensors.read_header(self.path)
        return self.file

    def output_dtypes(self) -> Dict[str, str]:
        suffix = ".dtype"
        return {name[:-len(suffix)]: word for name, word in self.get().metadata.items()
                if name.endswith(suffix)}

    def inputs(self, device: Device) -> Dict[str, Any]:
        file, outputs = self.get(), self.output_dtypes()
        scales = {name + ".scale" for name in outputs}
        return {name: device.load(file, name) for name in file.tensors
                if name not in outputs and name not in scales}

    def check(self, outputs: Dict[str, Any]) -> rows.Row:
        file, dtypes = self.get(), self.output_dtypes()
        shapes = {name: file.tensors[name].shape for name in dtypes}
        save(self.outputs_path, {name: outputs[name] for name in dtypes}, shapes, dtypes)
        return self.binary.check(self.path, self.outputs_path)


class Campaign:
    def __init__(self, binary: Binary, device: Device, peers: List[Peer], options: Options,
                 machine: rows.Row, info: rows.Row, file: rows.File) -> None:
        self.binary, self.device, self.options = binary, device, options
        self.machine, self.info, self.file = machine, info, file
        self.peers = [peer for peer in peers if options.peer.search(peer.full)]
        self.count: Dict[str, int] = {}
        self.s_per_flop: Dict[str, float] = {}  # of the latest run of a peer
        self.first_s: Dict[str, float] = {}  # its first run, which compiles
        self.start = time.monotonic()
        self.row_limit_s = ROW_LIMIT_S

    def run(self) -> None:
        """All rows. Refused with status 3 when nothing matches."""
        pairs = [(suite, case) for suite in self.options.suites
                 for case in self.binary.cases(suite) if self.matches(case)]
        total = sum(len(self.peers_of(case)) for _, case in pairs)
        if not total:
            raise Refused(3, "no peer and case match on this device: `ssmbench list cases` names "
                             "the cases; cases with bench = off are only verified")
        if self.options.budget_s:
            share = self.options.budget_s / total / 2
            self.row_limit_s = min(ROW_LIMIT_S, max(ROW_LEAST_S, share))
        for suite, case in pairs:
            if not self.peers_of(case):
                continue
            with tempfile.TemporaryDirectory(prefix="ssmbench-peers-") as folder:
                exported = Exported(self.binary, suite, case, folder)
                for peer in self.peers_of(case):
                    self.run_row(peer, exported)

    def matches(self, case: rows.Row) -> bool:
        return bool((case["bench"] or not self.options.timed) and
                    self.options.op.search(case["op"]) and self.options.case.search(case["case"]))

    def peers_of(self, case: rows.Row) -> List[Peer]:
        return [peer for peer in self.peers
                if peer.op == case["op"] and self.device.name in peer.devices.split()]

    def reason_to_skip(self, peer: Peer, case: rows.Row) -> Optional[str]:
        accepted = peer.accepts(case["keys"])
        if accepted:
            return f"accepts {accepted}"
        needs, has = peer.memory(case["keys"]), self.device.memory_free()
        if needs > has:
            return f"needs about {needs * 1e-9:.3g} GB of memory, {has * 1e-9:.3g} GB are free"
        if not self.options.budget_s:
            return None
        takes = self.s_per_flop.get(peer.full, 0) * case["flops"] * RUNS_AT_LEAST
        takes += self.first_s.get(peer.full, 0)
        left = self.options.budget_s - (time.monotonic() - self.start)
        if takes <= left and left > 0:
            return None
        return (f"would take about {takes:.0f} s, {max(left, 0):.0f} s are left of "
                f"--budget {self.options.budget_s:.0f}")

    def run_row(self, peer: Peer, exported: Exported) -> None:
        case, timing = exported.case, None
        reason = self.reason_to_skip(peer, case)
        if not reason:
            try:
                exported.get()
            except Refused as refused:  # memory does not suffice for the reference
                reason = str(refused)
        if reason:
            check = {"status": "SKIPPED", "detail": reason}
        else:
            try:
                check, timing = self.trial(peer, exported)
            except Exception as error:  # whatever a peer raises is its row, and the run goes on
                text = " ".join(f"{type(error).__name__}: {error}".split())
                check = {"status": "FAILED", "detail": text[:rows.DETAIL_MOST]}
        self.file.append(rows.make(self.info, self.machine, case, peer, check,
                                   self.repeat(peer, exported), timing,
                                   0 if reason else self.device.memory_peak()))
        self.count[check["status"]] = self.count.get(check["status"], 0) + 1
        self.show(peer, case, check, timing)
        self.device.forget()

    def trial(self, peer: Peer, exported: Exported) -> Any:
        """Check and timing, None unless timed."""
        case = exported.case
        function = peer.prepare(case["keys"], exported.inputs(self.device))
        start = time.monotonic()
        function()  # compiles, loads, chooses algorithms
        self.device.synchronize()
        self.first_s[peer.full] = time.monotonic() - start
        start = time.monotonic()
        outputs = function()
        self.device.synchronize()
        run_s = time.monotonic() - start
        check = exported.check(outputs)
        check["run_s"] = run_s
        self.s_per_flop[peer.full] = run_s / case["flops"]
        del outputs
        if not self.options.timed or check["status"] not in TIMED:
            return check, None
        timing: Timing = measure(self.device.clock(function), self.row_limit_s)
        return check, timing

    def repeat(self, peer: Peer, exported: Exported) -> str:
        case = exported.case
        return (f"python3 -m peers {'bench' if self.options.timed else 'verify'} --suite "
                f"{exported.suite} --op '{exactly(case['op'])}' --case '{exactly(case['case'])}' "
                f"--peer '{exactly(peer.full)}' --device {self.device.name}")

    def show(self, peer: Peer, case: rows.Row, check: rows.Row, timing: Optional[Timing]) -> None:
        line = f"{check['status']:<16} {peer.full:<28} {case['suite']}/{case['case']}"
        if check.get("error") is not None:
            line += f"  error {check['error']:.1e}"
        if timing:
            s = timing.summary
            line += f"  {s.median:.4g} ms [{s.q1:.4g}, {s.q3:.4g}] n={s.count}"
        print(line + f"  {check.get('detail', '')}".rstrip(), flush=True)
