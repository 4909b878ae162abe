"""conv1d and conv1d_bwd in PyTorch: pad, convolve, slice, silu, in f32 (reference/conv1d.h)."""

from typing import Callable, Optional

import torch
import torch.nn.functional as F

from ..peer import Keys, Prepare, Tensors, all_of, forward, gradients, pytorch

# Depthwise convolutions of f32 in f32, not in TF32.
torch.backends.cudnn.allow_tf32 = False


def conv1d(keys: Keys, tensors: Tensors) -> Tensors:
    last, reverse = keys["layout"] == "channel_last", keys["reverse"] == "on"
    before = keys["width"] - 1  # samples that an output needs beside its own

    def by_channel(name: str) -> torch.Tensor:
        """(batch, channels, time), f32: once, so that a gradient is rounded once"""
        return (tensors[name].transpose(1, 2) if last else tensors[name]).float()

    def laid_out(tensor: torch.Tensor) -> torch.Tensor:
        turned = tensor.transpose(1, 2) if last else tensor
        return turned.to(tensors["x"].dtype).contiguous()

    x, weight = by_channel("x"), tensors["weight"].float()[:, None]
    bias = tensors["bias"].float() if "bias" in tensors else None
    initial = by_channel("initial") if "initial" in tensors else None
    taps = weight.flip(-1) if reverse else weight
    if initial is None:
        wide = F.conv1d(x, taps, bias, padding=before, groups=keys["channels"])
        out = wide[..., before:] if reverse else wide[..., :keys["length"]]
    else:
        joined = [x, initial.flip(-1)] if reverse else [initial, x]
        out = F.conv1d(torch.cat(joined, -1), taps, bias, groups=keys["channels"])
    if keys["act"] == "silu":
        out = F.silu(out)
    results = {"out": laid_out(out)}
    if keys["final"] == "on" and before:
        results["final"] = laid_out(last_samples(x, initial, before, reverse))
    return results


def last_samples(x: torch.Tensor, initial: Optional[torch.Tensor], count: int,
                 reverse: bool) -> torch.Tensor:
    """The last `count` of initial, or zeros, followed by x, in the order of their steps."""
    tail = x[..., :count].flip(-1) if reverse else x[..., -count:]
    if tail.shape[-1] == count:
        return tail
    if initial is None:
        initial = x.new_zeros((*x.shape[:2], count))
    return torch.cat([initial[..., tail.shape[-1]:], tail], -1)


def whole_rows(prepare: Prepare) -> Prepare:
    """With rows of x and dout as they are without the gaps between them; of a weight or a bias the
    gradient is f32, and so is that which it is of.
    """
    def prepare_rows(keys: Keys, inputs: Tensors) -> Callable[[], Tensors]:
        row = keys["channels" if keys["layout"] == "channel_last" else "length"]
        rows = {name: tensor[..., :row] if name in ("x", "dout") else tensor
                for name, tensor in inputs.items()}
        if "dout" in rows:
            rows.update({name: rows[name].float() for name in ("weight", "bias") if name in rows})
        return prepare(keys, rows)
    return prepare_rows


def memory(keys: Keys) -> float:
    """Some passes over f32 tensors of the shape of x."""
    return 24 * float(keys["batch"] * (keys["length"] + keys["width"]) * keys["channels"])


def accepts(keys: Keys) -> Optional[str]:
    return all_of("seq_idx = off" * (keys["seq_idx"] == "on"))


PEERS = (
    pytorch("conv1d", __file__, conv1d, lambda f: whole_rows(forward(f)), memory, accepts,
            accepts) +
    pytorch("conv1d_bwd", __file__, conv1d, lambda f: whole_rows(gradients(f)), memory, accepts,
            accepts)
)
