"""Where peers run: tensors in and out, memory, and the clock of a device."""

import ctypes
import time
from typing import Any, Callable, Dict, Mapping, Sequence

import torch

from . import safetensors
from .clock import Run

DTYPES = {"F64": torch.float64, "F32": torch.float32, "I32": torch.int32, "F16": torch.float16,
          "BF16": torch.bfloat16}
CASE_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
FLUSH_TIMES = 2


class Device:
    """A GPU ("cuda") or the processors ("cpu")."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.flush = torch.empty(0)

    def prepare(self, machine: Dict[str, Any]) -> None:
        """Takes from the machine of result rows how many threads to use, and the cache's size."""
        if self.name == "cpu":
            torch.set_num_threads(int(machine["threads"]))
        cache_bytes = int(machine["cache_mb"] * 1e6)
        self.flush = torch.empty(FLUSH_TIMES * cache_bytes, dtype=torch.uint8, device=self.name)

    def memory_free(self) -> float:
        """Bytes."""
        if self.name == "cuda":
            free, _ = torch.cuda.mem_get_info()
            cached = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
            return float(free + cached)
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return float(fields["MemAvailable"].split()[0]) * 1024

    def forget(self) -> None:
        """Gives back what a peer has left: memory, and functions that were compiled."""
        torch.compiler.reset()
        if self.name == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def memory_peak(self) -> int:
        """Bytes that tensors took at most since forget(); 0 where that is not known."""
        return torch.cuda.max_memory_allocated() if self.name == "cuda" else 0

    def synchronize(self) -> None:
        if self.name == "cuda":
            torch.cuda.synchronize()

    def clock(self, function: Callable[[], Any]) -> Run:
        """What clock.measure() calls."""
        return self._clock_cuda(function) if self.name == "cuda" else self._clock_cpu(function)

    def _clock_cuda(self, function: Callable[[], Any]) -> Run:
        start, end = (torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
                      for _ in range(2))

        def run(cold: bool) -> float:
            if cold:
                self.flush.fill_(1)
            start.record()
            function()
            end.record()
            end.synchronize()
            return float(start.elapsed_time(end))

        return run

    def _clock_cpu(self, function: Callable[[], Any]) -> Run:
        def run(cold: bool) -> float:
            if cold:
                self.flush.fill_(1)
            start = time.perf_counter()
            function()
            return (time.perf_counter() - start) * 1e3

        return run

    def load(self, file: safetensors.File, name: str) -> torch.Tensor:
        """A tensor of a file."""
        stored = file.tensors[name]
        data = torch.frombuffer(file.read(name), dtype=DTYPES[stored.dtype])
        return data.reshape(stored.shape).to(self.name)


def save(path: str, tensors: Dict[str, torch.Tensor], shapes: Mapping[str, Sequence[int]],
         dtypes: Dict[str, str]) -> None:
    """Writes outputs in the dtypes of the case, with NaN where `shapes` has gaps between rows."""
    entries, kept = [], []
    for name, tensor in tensors.items():
        host = tensor.detach().to("cpu", DTYPES[dtypes[name]])
        if tuple(host.shape) != tuple(shapes[name]):
            whole = host.new_full(tuple(shapes[name]), float("nan"))
            whole[..., :host.shape[-1]] = host
            host = whole
        host = host.contiguous()
        kept.append(host)
        size = host.numel() * host.element_size()
        data = (ctypes.c_char * size).from_address(host.data_ptr())
        entries.append((name, dtypes[name], host.shape, data))
    safetensors.write(path, entries)
