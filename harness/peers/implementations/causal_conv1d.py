"""conv1d and conv1d_bwd by causal_conv1d_fn of the package causal-conv1d, CUDA kernels.

    causal_conv1d_fn(x, weight, bias=None, seq_idx=None, initial_states=None,
                     return_final_states=False, final_states_out=None, activation=None)

x: (batch, channels, length), either of the last two axes contiguous; weight: (channels, width);
seq_idx: (batch, length); initial_states: (batch, channels, width-1). Sequences and states need the
layout channel_last. What it returns has the strides of x.
"""

from typing import Any, Callable, Optional

import causal_conv1d
from causal_conv1d import causal_conv1d_fn

from ..peer import Keys, Peer, Prepare, Tensors, all_of, forward, gradients

STATEFUL = ("initial", "final", "seq_idx")
STRIDE_MULTIPLE = 8  # elements between rows of channel_last


def conv1d(keys: Keys, tensors: Tensors) -> Tensors:
    def turned(tensor: Any) -> Any:
        """Between the case's layout and (batch, channels, time)."""
        return tensor.transpose(1, 2) if keys["layout"] == "channel_last" else tensor

    initial = turned(tensors["initial"]) if "initial" in tensors else None
    final = keys["final"] == "on"
    result = causal_conv1d_fn(turned(tensors["x"]), tensors["weight"], tensors.get("bias"),
                              seq_idx=tensors.get("seq_idx"), initial_states=initial,
                              return_final_states=final,
                              activation="silu" if keys["act"] == "silu" else None)
    if final:
        return {"out": turned(result[0]), "final": turned(result[1])}
    return {"out": turned(result)}


def without_gaps(prepare: Prepare) -> Prepare:
    """With x and dout less the gaps between their rows."""
    def prepare_rows(keys: Keys, inputs: Tensors) -> Callable[[], Tensors]:
        row = keys["channels" if keys["layout"] == "channel_last" else "length"]
        return prepare(keys, {name: tensor[..., :row] if name in ("x", "dout") else tensor
                              for name, tensor in inputs.items()})
    return prepare_rows


def accepts(keys: Keys) -> Optional[str]:
    last = keys["layout"] == "channel_last"
    stateful = [name for name in STATEFUL if keys[name] == "on"]
    odd = last and (keys["channels"] + keys["pad"]) % STRIDE_MULTIPLE
    return all_of("width of 2, 3, 4" * (not 2 <= keys["width"] <= 4),
                  "reverse = off" * (keys["reverse"] == "on"),
                  f"rows of a multiple of {STRIDE_MULTIPLE} elements" * bool(odd),
                  "layout = channel_last with initial, final or seq_idx"
                  * (bool(stateful) and not last))


def memory(keys: Keys) -> float:
    return 16 * float(keys["batch"] * keys["length"] * (keys["channels"] + keys["pad"]))


VERSION = f"causal-conv1d {causal_conv1d.__version__}"
FILE = "causal_conv1d.py"
PEERS = [
    Peer("conv1d", "causal_conv1d", VERSION, FILE, accepts, memory, without_gaps(forward(conv1d)),
         "cuda"),
    Peer("conv1d_bwd", "causal_conv1d", VERSION, FILE, accepts, memory,
         without_gaps(gradients(conv1d)), "cuda"),
]
