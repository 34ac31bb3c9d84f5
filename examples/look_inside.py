# %% [markdown]
# # What the prior does to a recurrent matrix, and how a policy forgets
#
# `lrs_lightning` gives a recurrent layer the weights `W1 W2 ⊙ M`: of low rank `r`, with a share
# `s` of zeros. This notebook looks at such matrices before anything is trained, and at how long
# their layers remember.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.nn import LRSCfC

torch.manual_seed(0)
HIDDEN = 64


def layer(rank: int | None, sparsity: float) -> LRSCfC:
    """A layer as it is at first; `rank=None` is dense."""
    return LRSCfC(4, HIDDEN, rank=rank, sparsity=sparsity, mask_seed=0)


# %% [markdown]
# ## Eigenvalues
#
# Each figure shows the eigenvalues of the recurrent matrix of the first gate. A low rank leaves few
# that are not zero, and the mask spreads them again.

# %%
figure, axes = plt.subplots(1, 4, figsize=(12, 3), sharex=True, sharey=True, layout="constrained")
for axis, (rank, sparsity) in zip(
    axes, [(None, 0.0), (None, 0.5), (4, 0.0), (4, 0.5)], strict=True
):
    with torch.no_grad():
        weight = layer(rank, sparsity).recurrent_weight()[0].numpy()
    values = np.linalg.eigvals(weight)
    axis.scatter(values.real, values.imag, s=8)
    circle = np.exp(2j * np.pi * np.linspace(0, 1, 200))
    axis.plot(circle.real, circle.imag, linewidth=0.8, color="grey")
    axis.set_title(f"rank {rank or HIDDEN}, sparsity {sparsity}")
    axis.set_aspect("equal")
plt.show()

# %% [markdown]
# ## How long a layer remembers
#
# A step's Jacobian tells how much of the state before it is left. Along a sequence their products
# fall: the slower, the longer the layer remembers.

# %%
steps = 60
inputs = torch.randn(steps, 8, 4, dtype=torch.float64)
figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
for rank, sparsity in [(None, 0.0), (4, 0.5), (1, 0.5)]:
    recurrence = Recurrence.of(layer(rank, sparsity))
    jacobians = recurrence.jacobians(recurrence.replay(inputs))  # (T, N, H, H)
    product = torch.eye(HIDDEN, dtype=torch.float64).expand(8, -1, -1)
    left = []
    for t in range(steps):
        product = jacobians[t] @ product
        left.append(torch.linalg.matrix_norm(product, 2).mean().item())
    axis.semilogy(left, label=f"rank {rank or HIDDEN}, sparsity {sparsity}")
axis.set_xlabel("steps")
axis.set_ylabel("largest singular value that is left")
axis.legend()
plt.show()

# %% [markdown]
# ## Parameters
#
# What the prior saves: factors `W1` and `W2` in place of a whole matrix for each gate.

# %%
print(f"{'rank':>6} {'sparsity':>9} {'recurrent numbers':>18} {'not zero':>9}")
for rank, sparsity in [(None, 0.0), (16, 0.5), (8, 0.5), (4, 0.5), (1, 0.8)]:
    made = layer(rank, sparsity)
    parameters = dict(made.named_parameters())
    count = sum(parameters[name].numel() for name in parameters if "weight_hh" in name)
    share = float((made.recurrent_weight() != 0).float().mean())
    print(f"{rank or HIDDEN:>6} {sparsity:>9} {count:>18,} {share:>9.0%}")
