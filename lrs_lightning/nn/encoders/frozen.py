"""An encoder that another training made and that is not trained any further.

Where only the core is asked about, one encoder of single frames can serve all policies: what it
makes of a demonstration is computed once, and an update costs a fraction of one end to end.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn.encoders.base import ENCODERS, Encoder, EncoderOptions, register_encoder

if TYPE_CHECKING:
    import gymnasium as gym


@register_encoder
@dataclass(frozen=True)
class Frozen(EncoderOptions):
    """The encoder of a trained policy that sees one frame, taken as it is and never trained."""

    name: ClassVar[str] = "frozen"

    run: str | None = None
    """Whose encoder is taken: a run folder, or a checkpoint, of a policy that sees one frame."""

    network: dict[str, Any] | None = None
    """Name and options of what was taken; filled in by `fit`."""

    task: str | None = None
    """The task that it was trained on; filled in by `fit`."""

    sha256: str | None = None
    """Of the weights, `digest_of`; filled in by `fit`. Where it is given, others are refused."""

    def build(self, observation_space: gym.Space[Any]) -> Encoder:
        """Make the encoder for weights that are yet to come, from the run or from a checkpoint.

        Until then they are not numbers, so that a policy without them can neither act nor be saved.

        Raises:
            ArgumentError: what was taken is not known.
        """
        if self.network is None:
            raise ArgumentError(
                "a frozen encoder is known by its run alone: `fit` looks what is in it; in Python "
                "give the configuration to ImitationModule"
            )
        encoder = ENCODERS.from_dict(self.network).build(observation_space)
        with torch.no_grad():
            for tensor in encoder.state_dict().values():
                if tensor.is_floating_point():
                    tensor.fill_(torch.nan)
        encoder.freeze()
        return encoder

    def describe(self) -> dict[str, Any]:
        """Name, source and hash, and the options of what was taken."""
        network = dict(self.network or {})
        return {
            "encoder": self.name,
            "encoder_network": network.pop("name", None),
            "encoder_run": self.run,
            "encoder_sha256": self.sha256,
            **network,
        }


def digest_of(encoder: Encoder) -> str:
    """SHA-256 of an encoder's weights: their names, types, shapes and numbers.

    Example:
        >>> from gymnasium.spaces import Box
        >>> from lrs_lightning.nn.encoders import VectorEncoder
        >>> encoder = VectorEncoder(Box(-1, 1, (3,)), features=2)
        >>> before = digest_of(encoder)
        >>> _ = encoder.dense.weight.data.add_(1)
        >>> len(before), before == digest_of(encoder)
        (64, False)
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # As bytes, since NumPy knows no bfloat16; 0-dimensional tensors have no bytes to view.
        plain = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(plain.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
