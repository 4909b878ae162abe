"""The ssmbench binary: it names the cases and the machine, writes inputs and reference outputs, and
compares outputs by the one rule there is (docs/numerics.md).
"""

import json
import os
import subprocess
from typing import Any, Dict, List, Optional

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CANDIDATES = (os.path.join(TOP, "build", "ssmbench"), os.path.join(TOP, "ssmbench"))
CHECK_FAILED = 1


class Refused(Exception):
    """What ssmbench, or this program, says when it ends with another exit status than 0."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def find(path: Optional[str]) -> str:
    """The binary at `path`, or where `make all` and `make bundle` leave one."""
    candidates = (path,) if path else CANDIDATES
    for candidate in candidates:
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return os.path.abspath(candidate)
    raise Refused(2, f"no ssmbench at {' or '.join(candidates)}: expected --ssmbench PATH, or "
                     "`make all` before")


def exactly(name: str) -> str:
    """An extended regular expression that only `name` matches."""
    return "^" + "".join("\\" + c if c in r".[]{}()*+?|^$\\" else c for c in name) + "$"


def suite_path(suite: str) -> str:
    """A suite as ssmbench, which runs in the folder that has cases/, is to be told."""
    return os.path.abspath(suite) if "/" in suite or suite.endswith(".ini") else suite


class Binary:
    def __init__(self, path: Optional[str]) -> None:
        self.path = find(path)

    def _run(self, *arguments: str, accepted: int = 0) -> str:
        """What it prints; Refused with its sentence when it ends otherwise than well, or as
        accepted.
        """
        result = subprocess.run([self.path, *arguments], cwd=TOP, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, encoding="utf-8", check=False)
        if result.returncode not in (0, accepted):
            sentence = result.stderr.strip().splitlines()[-1:] or [
                f"ssmbench {arguments[0]} ended with {result.returncode}"]
            raise Refused(result.returncode if result.returncode > 0 else 2,
                          sentence[0].replace("ssmbench: ", "", 1))
        return result.stdout

    def info(self) -> Dict[str, Any]:
        """Commit, and what a row says of the machine, by backend."""
        return dict(json.loads(self._run("info", "--json")))

    def cases(self, suite: str) -> List[Dict[str, Any]]:
        """Of a suite: op, suite, case, bench, keys, bytes, flops, exps."""
        return list(json.loads(self._run("list", "cases", suite_path(suite), "--json")))

    def export(self, suite: str, case: Dict[str, Any], path: str) -> None:
        """Writes a case's inputs and reference outputs."""
        self._run("export", suite_path(suite), "--op", exactly(case["op"]),
                  "--case", exactly(case["case"]), "--out", path)

    def check(self, exported: str, outputs: str) -> Dict[str, Any]:
        """What a row has as `check`."""
        return dict(json.loads(self._run("check", exported, outputs, accepted=CHECK_FAILED)))
