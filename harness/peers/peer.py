"""What a peer is: one implementation of one operation."""

import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional

import torch

# The keys of a case, with the types of a result row; tensors by the names of reference/OP.h.
Keys = Dict[str, Any]
Tensors = Dict[str, torch.Tensor]
Function = Callable[[Keys, Tensors], Tensors]
Prepare = Callable[[Keys, Tensors], Callable[[], Tensors]]

# None, or what would be accepted.
Accepts = Callable[[Keys], Optional[str]]


@dataclass(frozen=True)
class Peer:
    """`prepare` gets keys and inputs and returns what is timed: a function of no argument that
    returns the outputs. `memory` is about how many bytes that takes, outputs included.
    """

    op: str
    name: str
    package: str
    file: str
    accepts: Accepts
    memory: Callable[[Keys], float]
    prepare: Prepare
    devices: str = "cuda cpu"

    @property
    def full(self) -> str:
        """As `ssmbench list variants` names variants."""
        return f"{self.op}/{self.name}@peer"


def all_of(*conditions: str) -> Optional[str]:
    """What is accepted, from those conditions that are not ""."""
    return ", ".join(condition for condition in conditions if condition) or None


def forward(function: Function) -> Prepare:
    """Prepares a function for runs without gradients."""
    def prepare(keys: Keys, inputs: Tensors) -> Callable[[], Tensors]:
        def run() -> Tensors:
            with torch.no_grad():
                return function(keys, inputs)
        return run
    return prepare


def gradients(function: Function) -> Prepare:
    """Prepares the gradients of a function: forward, then autograd through it, each time. The
    gradient of output or input x is dx; inputs whose gradients are to be f32 are f32 themselves.
    """
    def prepare(keys: Keys, inputs: Tensors) -> Callable[[], Tensors]:
        given = {name: tensor for name, tensor in inputs.items() if name in ("dout", "dfinal")}
        leaves = {name: tensor.detach().requires_grad_(tensor.is_floating_point())
                  for name, tensor in inputs.items() if name not in given}
        wanted = [name for name, tensor in leaves.items() if tensor.requires_grad]

        def run() -> Tensors:
            outputs = function(keys, leaves)
            results = torch.autograd.grad([outputs[name[1:]] for name in given],
                                          [leaves[name] for name in wanted], list(given.values()))
            return {"d" + name: result for name, result in zip(wanted, results)}
        return run
    return prepare


def pytorch(op: str, file: str, function: Function, prepare_by: Callable[[Function], Prepare],
            memory: Callable[[Keys], float], accepts: Accepts, compiles: Accepts) -> List[Peer]:
    """The function as it is, and compiled, which takes a while and accepts less."""
    def prepare_compiled(keys: Keys, inputs: Tensors) -> Callable[[], Tensors]:
        compiled = torch.compile(lambda tensors: function(keys, tensors), dynamic=False)
        return prepare_by(lambda _, tensors: compiled(tensors))(keys, inputs)

    package, name = f"torch {torch.__version__}", os.path.basename(file)
    return [Peer(op, "pytorch_eager", package, name, accepts, memory, prepare_by(function)),
            Peer(op, "pytorch_compile", package, name, compiles, memory, prepare_compiled)]
