"""What a policy is made of, as plain values: the same for Python, YAML and a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import _checks
from lrs_lightning.nn.cfc import MODES
from lrs_lightning.nn.connectivity import INITIALISATIONS
from lrs_lightning.nn.encoders import ENCODERS
from lrs_lightning.nn.gate import check_gate

RECURRENT = ("cfc", "lstm", "gru", "rnn")
FEEDFORWARD = ("mlp", "stack")
CELLS = RECURRENT + FEEDFORWARD
CONTROLS = (
    "none",
    "dense",
    "matched-recurrent",
    "matched-total",
    "rescaled",
    "truncated",
    "pruned",
)


@dataclass(frozen=True)
class PolicyConfig:
    """Encoder, recurrent core and head of a policy.

    Raises:
        ArgumentError: a value that cannot be used; the sentence names the key.
    """

    cell: str = "cfc"
    """Core: cfc, lstm, gru, rnn; without recurrence mlp (memoryless), stack (the last steps)."""

    hidden_size: int = 64
    """Units of the core, H."""

    rank: int | None = 8
    """Rank of every recurrent matrix; null for dense."""

    sparsity: float = 0.5
    """Fraction of zeros in the fixed mask of every recurrent matrix, at least 0 and below 1."""

    init: str = "orthogonal"
    """Initial recurrent matrix: orthogonal, glorot or uniform."""

    mask_seed: int = 0
    """Seed of the masks alone."""

    init_seed: int | None = None
    """Seed of the initial weights alone; null takes them from torch's global generator."""

    share_mask: bool = False
    """One mask for all gates of a layer."""

    factor_full_rank: bool = False
    """Store two factors even where the rank is the hidden size, not one dense matrix."""

    num_layers: int = 1
    """Layers of the core, stacked in depth; mlp and stack have as many dense ones."""

    dropout: float = 0.0
    """Probability of dropping outputs between layers, in training."""

    encoder: str = "mlp"
    """What turns an observation into features: mlp for vectors, convolutional ones for images."""

    features: int = 128
    """Number of features that the encoder hands on."""

    channels: list[int] | None = None
    """Components of the observation that the policy sees; null for all."""

    mode: str = "paper"
    """Equations of the CfC: paper (G, H, F), or default, no_gate, pure as in ncps."""

    gate: str = "learned"
    """The CfC's gate F: learned, frozen (to its training mean, in evaluation) or removed."""

    frames: int = 4
    """Steps that the core stack sees, the present included."""

    control: str = "none"
    """Stand-in for the low-rank sparse core, to compare it with.

    dense: same size, no prior. matched-recurrent, matched-total: dense with fewer units, so that
    the recurrent or all parameters are as many. rescaled: dense, initialised at the prior's
    spectral radius. truncated, pruned: trained dense, then cut to the rank or the sparsity in
    evaluation.
    """

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("cell", self.cell, CELLS),
            ("init", self.init, INITIALISATIONS),
            ("encoder", self.encoder, ENCODERS),
            ("CfC mode", self.mode, MODES),
            ("control", self.control, CONTROLS),
        ):
            _checks.choice(kind, value, known)
        for name in ("hidden_size", "num_layers", "features", "frames"):
            _checks.positive(name, getattr(self, name))
        _checks.rank(self.rank, self.hidden_size)
        _checks.fraction("sparsity", self.sparsity)
        _checks.seed("mask_seed", self.mask_seed)
        if self.init_seed is not None:
            _checks.seed("init_seed", self.init_seed)
        _checks.probability("dropout", self.dropout)
        check_gate(self.gate, self.mode)
        self._check_combinations()

    def _check_combinations(self) -> None:
        if self.cell != "cfc" and (self.mode != "paper" or self.gate != "learned"):
            raise ArgumentError(
                f"mode is {self.mode!r} and gate {self.gate!r} with cell {self.cell!r}: both "
                "belong to cfc."
            )
        if self.cell in FEEDFORWARD and self.control != "none":
            raise ArgumentError(
                f"control is {self.control!r} with cell {self.cell!r}, which has no recurrent "
                "matrix: leave it at 'none'."
            )
        if self.control == "pruned" and self.sparsity == 0:
            raise ArgumentError("control is 'pruned' with sparsity 0: give the fraction to prune.")
        if self.control == "truncated" and self.rank is None:
            raise ArgumentError("control is 'truncated' without a rank: give the rank to cut to.")
        if self.control == "rescaled" and self.init == "uniform":
            raise ArgumentError(
                "control is 'rescaled' with init 'uniform': the spectral radius has a closed form "
                "for 'orthogonal' and 'glorot' alone."
            )
