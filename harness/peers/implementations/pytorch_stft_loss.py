"""stft_loss in PyTorch: torch.stft of both signals, magnitudes, means, and autograd through them
(reference/stft_loss.h).
"""

from typing import Callable, Optional

import torch

from ..peer import Function, Keys, Prepare, Tensors, pytorch


def stft_loss(keys: Keys, tensors: Tensors) -> Tensors:
    estimate, target = tensors["estimate"], tensors["target"]
    signals = [estimate.flatten(0, 1), target.flatten(0, 1)]
    spectral = estimate.new_zeros(())
    for r in range(keys["resolutions"]):
        n = keys["window"] >> r
        E, T = (torch.stft(signal, n, hop_length=keys["hop"], window=tensors[f"window{n}"],
                           center=False, return_complex=True).abs() for signal in signals)
        spectral = spectral + (E - T).abs().mean()
    in_time = (estimate - target).abs().mean()
    return {"loss": (keys["lambda"] * in_time + spectral / keys["resolutions"]).view(1)}


def loss_and_gradient(function: Function) -> Prepare:
    """Prepares loss and gradient; the windows are made once."""
    def prepare(keys: Keys, inputs: Tensors) -> Callable[[], Tensors]:
        estimate = inputs["estimate"].detach().requires_grad_()
        tensors = dict(inputs, estimate=estimate)
        for r in range(keys["resolutions"]):
            n = keys["window"] >> r
            window = torch.hann_window(n, dtype=torch.float64)  # periodic
            tensors[f"window{n}"] = window.to(estimate.device, torch.float32)

        def run() -> Tensors:
            loss = function(keys, tensors)["loss"]
            (gradient,) = torch.autograd.grad(loss, estimate)
            return {"loss": loss.detach(), "gradient": gradient}
        return run
    return prepare


def memory(keys: Keys) -> float:
    """Frames and spectra of all resolutions, kept for the way back: some passes of f32."""
    samples = keys["batch"] * keys["channels"] * keys["length"]
    frames = sum((keys["window"] >> r) / keys["hop"] for r in range(keys["resolutions"]))
    return 32 * float(samples * frames)


def accepts(_: Keys) -> Optional[str]:
    return None


PEERS = pytorch("stft_loss", __file__, stft_loss, loss_and_gradient, memory, accepts, accepts)
