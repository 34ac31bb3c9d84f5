"""The Lyapunov spectrum: how fast differences of states shrink or grow along a trajectory.

The QR method (Benettin et al. 1980): an orthonormal frame is carried through the Jacobians and made
orthonormal again at every step; the logarithms of R's diagonal, averaged, are the exponents, in
nats per step. The sum of all of them is the mean of log|det J|.
"""

from __future__ import annotations

import torch
from torch import Tensor


class LyapunovSpectrum:
    """Exponents of N trajectories, fed with Jacobians a stretch at a time.

    A Jacobian of low rank sends directions to exactly zero, whose exponent is minus infinity. In
    floating point that is a factor below the resolution of the numbers; where it happens at half
    of the steps or more, the exponent is given as minus infinity, and elsewhere such steps count
    with the resolution itself.

    Args:
        trajectories: N.
        size: S.
        exponents: how many, from the largest; None for all.
        every: steps between two QR decompositions. More than one is faster and loses the tail.
        seed: of the frame at the start.

    Example:
        >>> spectrum = LyapunovSpectrum(1, 2)
        >>> spectrum.update(torch.diag(torch.tensor([0.5, 0.1])).expand(1000, 1, 2, 2))
        >>> spectrum.exponents().exp().round(decimals=2)
        tensor([[0.5000, 0.1000]], dtype=torch.float64)
    """

    def __init__(
        self,
        trajectories: int,
        size: int,
        exponents: int | None = None,
        every: int = 1,
        seed: int = 0,
    ) -> None:
        chosen = torch.Generator().manual_seed(seed)
        kept = size if exponents is None else min(exponents, size)
        start = torch.randn(trajectories, size, kept, dtype=torch.float64, generator=chosen)
        self._frame = torch.linalg.qr(start)[0]
        self._every, self._since = every, 0
        self._counting = torch.zeros(trajectories, dtype=torch.bool)
        self._sums = torch.zeros(trajectories, kept, dtype=torch.float64)
        self._lost = torch.zeros(trajectories, kept, dtype=torch.float64)
        self._steps = torch.zeros(trajectories, 1, dtype=torch.float64)

    def update(self, jacobians: Tensor, counted: Tensor | None = None) -> None:
        """Go on through `jacobians (t, N, S, S)`.

        Args:
            jacobians: of the next t steps.
            counted: bool `(t, N)`, which steps enter the averages; the others only turn the frame
                (a burn-in) or lie behind an episode's end. All by default.
        """
        if counted is None:
            counted = torch.ones(jacobians.shape[:2], dtype=torch.bool)
        for step, flags in zip(jacobians, counted, strict=True):
            self._frame = step.double() @ self._frame
            self._since += 1
            self._counting = flags if self._since == 1 else self._counting & flags
            if self._since == self._every:
                self._renew()

    def exponents(self) -> Tensor:
        """`(N, k)`, descending but for equal ones' noise; NaN where no step was counted."""
        if self._since:
            self._renew()
        if not self._sums.shape[1]:
            return self._sums
        mean = self._sums / self._steps
        return mean.masked_fill(self._lost * 2 >= self._steps.clamp_min(1), -torch.inf)

    def _renew(self) -> None:
        """Make the frame orthonormal, and count what it had to be stretched by."""
        self._frame, r = torch.linalg.qr(self._frame)
        factors = r.diagonal(dim1=-2, dim2=-1).abs()  # (N, k)
        resolution = torch.finfo(torch.float64).eps * factors.shape[-1]
        floor = (factors.amax(-1, keepdim=True) * resolution).clamp_min(1e-300)
        lost = factors < floor
        logs = torch.where(lost, floor, factors).log()
        counts = self._counting.unsqueeze(-1)
        self._sums += torch.where(counts, logs, 0.0)
        self._lost += (lost & counts) * self._since
        self._steps += counts * self._since
        self._since = 0
