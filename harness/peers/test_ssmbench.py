"""ssmbench.py against the library that was just built: results, and what it refuses."""

import io
import os
import re
import sys
import threading
import unittest
from contextlib import redirect_stdout

import numpy as np

from peers import ssmbench

HERE = os.path.dirname(os.path.abspath(__file__))
GUIDE = os.path.join(HERE, "..", "..", "docs", "python.md")


def scan(u, delta, A, B, C):
    """The recurrence of reference/selscan.h in double, without options."""
    batch, channels, length = u.shape
    out = np.zeros(u.shape)
    for b in range(batch):
        h = np.zeros(A.shape)
        for t in range(length):
            step = delta[b, :, t, None]
            h = np.exp(step * A) * h + step * u[b, :, t, None] * B[b, 0, None, :, t]
            out[b, :, t] = h @ C[b, 0, :, t]
    return out


def expected_of(arrays):
    return scan(*(arrays[name].astype(float) for name in ["u", "delta", "A", "B", "C"]))


def arrays_of(problem, seed=1):
    rng = np.random.default_rng(seed)
    arrays = {t.name: rng.standard_normal(t.shape).astype(np.float32)
              for t in problem.tensors.values()}
    arrays["A"] = -np.exp(arrays["A"])
    arrays["delta"] = 0.1 * np.abs(arrays["delta"])
    return arrays


class Borrowed:
    """An array that only offers DLPack."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class SsmbenchTest(unittest.TestCase):
    def setUp(self):
        self.problem = ssmbench.Problem("selscan", batch=2, channels=6, length=50, state=4)
        self.arrays = arrays_of(self.problem)
        self.expected = expected_of(self.arrays)

    def run_and_compare(self, variant, arrays):
        self.arrays["out"][:] = np.nan
        self.problem.run(variant, **arrays)
        error = np.abs(self.arrays["out"] - self.expected).max(axis=2) / \
            np.abs(self.expected).max(axis=2)
        self.assertLessEqual(error.max(), 1e-5, variant)

    def test_every_variant_that_accepts_it_gives_the_definition(self):
        names = [name for name in ssmbench.variants()
                 if re.fullmatch("selscan/.*@(cpu|simt)", name)]
        accepted = [name for name in names if self.problem.accepts(name) is None]
        self.assertGreater(len(accepted), 8)
        for name in accepted:
            self.run_and_compare(name, self.arrays)
        for name in set(names) - set(accepted):
            self.assertRegex(self.problem.accepts(name), " accepts a = scalar", name)

    def test_takes_dlpack(self):
        self.run_and_compare("selscan/simd@cpu",
                             {name: Borrowed(array) for name, array in self.arrays.items()})

    def test_tells_tensors(self):
        problem = ssmbench.Problem("conv1d", batch=2, channels=6, length=9, dtype="bf16", bias=True)
        self.assertEqual(problem.tensors["x"], ("x", "bf16", (2, 6, 9), False))
        self.assertEqual(problem.tensors["out"].output, True)
        self.assertNotIn("initial", problem.tensors)

    def test_threads_do_not_disturb_each_other(self):
        errors = []

        def work(seed):
            problem = ssmbench.Problem("selscan", channels=3, length=64, state=2)
            arrays = arrays_of(problem, seed)
            expected = expected_of(arrays)
            for _ in range(50):
                problem.run("selscan/sequential@cpu", **arrays)
                errors.append(np.abs(arrays["out"] - expected).max() / np.abs(expected).max())

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(errors), 400)
        self.assertLessEqual(max(errors), 1e-5)

    def refuses(self, sentence, call, *arguments, **named):
        with self.assertRaisesRegex(ssmbench.Error, sentence):
            call(*arguments, **named)

    def test_refuses_with_a_sentence(self):
        run, arrays = self.problem.run, self.arrays
        variant = "selscan/simd@cpu"
        self.refuses("operation scan: expected one of", ssmbench.Problem, "scan")
        self.refuses("unknown key 'chanels': expected one of batch", ssmbench.Problem, "selscan",
                     chanels=3)
        self.refuses("channels = 0: expected a whole number from 1", ssmbench.Problem, "selscan",
                     channels=0)
        self.refuses("groups", ssmbench.Problem, "selscan", channels=4, groups=3)
        self.refuses("a machine can hold", ssmbench.Problem, "selscan", batch=1 << 30,
                     channels=1 << 30, length=1 << 30)
        self.refuses("expected a name that ssmbench_variant", run, "selscan/none@cpu", **arrays)
        self.refuses("expected one of the problem's operation, selscan", run, "conv1d/direct@cpu",
                     **arrays)
        self.refuses("z: expected the tensors u, delta", run, variant, z=arrays["u"], **arrays)
        self.refuses(r"u: f32 \(2, 50, 6\): expected f32 \(2, 6, 50\)", run, variant,
                     **{**arrays, "u": np.zeros((2, 50, 6), np.float32)})
        self.refuses("u: None", run, variant, **{**arrays, "u": np.zeros((2, 6, 50))})
        self.refuses("contiguous", run, variant,
                     **{**arrays, "u": np.zeros((2, 50, 6), np.float32).swapaxes(1, 2)})
        self.refuses("contiguous", run, variant, **{**arrays, "u": Borrowed(
            np.zeros((2, 50, 6), np.float32).swapaxes(1, 2))})
        self.refuses("float: expected an array with", run, variant, **{**arrays, "u": 1.0})
        frozen = np.zeros((2, 6, 50), np.float32)
        frozen.flags.writeable = False
        self.refuses("out: expected an array that can be written", run, variant,
                     **{**arrays, "out": frozen})
        self.refuses("u: expected it in GPU memory", run, "selscan/chunked@cuda", **arrays)

    def test_workspace_is_as_large_as_told(self):
        variant = "selscan/stepwise@cpu"
        size = self.problem.workspace(variant)
        self.assertGreater(size, 0)
        memory = np.zeros(size + 256, np.uint8)
        start = -memory.ctypes.data % 256
        self.problem.run(variant, workspace=memory[start:start + size], **self.arrays)
        self.refuses(f"workspace: expected {size} bytes", self.problem.run, variant,
                     workspace=memory[start:start + size - 1], **self.arrays)
        self.refuses("workspace: expected a pointer aligned to 256", self.problem.run, variant,
                     workspace=memory[start + 1:start + 1 + size], **self.arrays)

    def test_the_guide_runs(self):
        with open(GUIDE, encoding="utf-8") as file:
            blocks = re.findall("```python\n(.*?)```", file.read(), re.DOTALL)
        self.assertEqual(len(blocks), 2)
        sys.modules["ssmbench"] = ssmbench
        printed, names = io.StringIO(), {}
        with redirect_stdout(printed):
            for block in blocks:
                exec(block, names)
        self.assertIn("u f32 (2, 96, 1000) in", printed.getvalue())
        self.assertIn("selscan/chunked@cpu accepts it", printed.getvalue())
        self.assertGreater(np.abs(names["arrays"]["out"]).max(), 0)


if __name__ == "__main__":
    unittest.main()
