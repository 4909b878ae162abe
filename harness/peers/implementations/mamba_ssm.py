"""selscan and selscan_bwd by selective_scan_fn of the package mamba-ssm, a fused CUDA kernel.

    selective_scan_fn(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False,
                      return_last_state=False)

u delta z: (batch, channels, length); A: (channels, state); B C: (batch, groups, state, length).
"""

from typing import Optional

import mamba_ssm
from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

from ..peer import Keys, Peer, Tensors, all_of, forward, gradients

STATE_MAX = 256


def selscan(keys: Keys, tensors: Tensors) -> Tensors:
    A = tensors["A"]
    if keys["a"] == "scalar":
        A = A[:, None].expand(-1, keys["state"]).contiguous()
    final = keys["final"] == "on"
    result = selective_scan_fn(tensors["u"], tensors["delta"], A, tensors["B"], tensors["C"],
                               D=tensors.get("D"), z=tensors.get("z"),
                               delta_bias=tensors.get("delta_bias"),
                               delta_softplus=keys["softplus"] == "on", return_last_state=final)
    return {"out": result[0], "final": result[1]} if final else {"out": result}


def accepts(keys: Keys) -> Optional[str]:
    return all_of("layout = channel_first" * (keys["layout"] != "channel_first"),
                  "initial = off" * (keys["initial"] == "on"),
                  "reverse = off" * (keys["reverse"] == "on"),
                  f"state <= {STATE_MAX}" * (keys["state"] > STATE_MAX))


def accepts_bwd(keys: Keys) -> Optional[str]:
    """Its backward pass leaves the gradient of the last state out."""
    return all_of(accepts(keys) or "", "final = off" * (keys["final"] == "on"))


def memory(keys: Keys) -> float:
    """About what inputs and outputs take, and states of chunks."""
    inner = keys["channels"] + keys["groups"] * keys["state"]
    return 32 * float(keys["batch"] * keys["length"] * inner)


VERSION = f"mamba-ssm {mamba_ssm.__version__}"
FILE = "mamba_ssm.py"
PEERS = [
    Peer("selscan", "mamba_ssm", VERSION, FILE, accepts, memory, forward(selscan), "cuda"),
    Peer("selscan_bwd", "mamba_ssm", VERSION, FILE, accepts_bwd, memory, gradients(selscan),
         "cuda"),
]
