"""selscan and selscan_bwd in PyTorch: the loop over time of reference/selscan.h.

Decays and inputs of all steps are materialised, (batch, length, channels, state); each step then
multiplies and adds the state, and contracts it with C. Steps are taken apart by unbind(): the
gradient of indexing would write a tensor of all steps for each of them.
"""

from typing import Optional

import torch
import torch.nn.functional as F

from ..peer import Accepts, Keys, Tensors, all_of, forward, gradients, pytorch

# torch.compile unrolls the loop: a minute for so many steps, more than that for more.
COMPILE_STEPS, COMPILE_STEPS_BWD = 128, 64


def selscan(keys: Keys, tensors: Tensors) -> Tensors:
    last = keys["layout"] == "channel_last"
    groups, state, channels = keys["groups"], keys["state"], keys["channels"]

    def by_time(name: str) -> torch.Tensor:
        """(batch, length, groups, channels of a group), f32"""
        tensor = tensors[name].float()
        tensor = tensor if last else tensor.transpose(1, 2)
        return tensor.reshape(*tensor.shape[:2], groups, channels // groups)

    def by_state(name: str) -> torch.Tensor:
        """(batch, length, groups, state), f32"""
        tensor = tensors[name].float()
        return tensor if last else tensor.permute(0, 3, 1, 2)

    u, delta = by_time("u"), by_time("delta")
    if "delta_bias" in tensors:
        delta = delta + tensors["delta_bias"].view(groups, -1)
    if keys["softplus"] == "on":
        delta = F.softplus(delta)
    A = tensors["A"] if keys["a"] == "full" else tensors["A"][:, None].expand(-1, state)
    decay = torch.exp(delta[..., None] * A.reshape(groups, -1, state))
    x = (delta * u)[..., None] * by_state("B")[..., None, :]

    shape = (keys["batch"], groups, channels // groups, state)
    h = tensors["initial"].view(shape) if "initial" in tensors else u.new_zeros(shape)
    steps = list(zip(decay.unbind(1), x.unbind(1), by_state("C").unbind(1)))
    outputs = []
    for decay_t, x_t, C_t in reversed(steps) if keys["reverse"] == "on" else steps:
        h = decay_t * h + x_t
        outputs.append(torch.einsum("bgdn,bgn->bgd", h, C_t))
    y = torch.stack(outputs[::-1] if keys["reverse"] == "on" else outputs, 1)

    if "D" in tensors:
        y = y + tensors["D"].view(groups, -1) * u
    if "z" in tensors:
        y = y * F.silu(by_time("z"))
    y = y.flatten(2).to(tensors["u"].dtype)
    results = {"out": y if last else y.transpose(1, 2).contiguous()}
    if keys["final"] == "on":
        results["final"] = h.reshape(keys["batch"], channels, state)
    return results


def updates_bytes(keys: Keys) -> float:
    """Of one tensor of all steps."""
    return 4 * float(keys["batch"] * keys["length"] * keys["channels"] * keys["state"])


def accepts(_: Keys) -> Optional[str]:
    return None


def compiles(steps: int) -> Accepts:
    return lambda keys: all_of(f"length <= {steps}" * (keys["length"] > steps))


PEERS = (
    pytorch("selscan", __file__, selscan, forward, lambda keys: 4 * updates_bytes(keys), accepts,
            compiles(COMPILE_STEPS)) +
    pytorch("selscan_bwd", __file__, selscan, gradients, lambda keys: 8 * updates_bytes(keys),
            accepts, compiles(COMPILE_STEPS_BWD))
)
