"""Find an expert: shipped, a file of one's own, a zip of Stable-Baselines3, or a hub's."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from lrs_lightning.env_variant import EnvVariant
from lrs_lightning.envs import canonical_id, describe
from lrs_lightning.errors import ArgumentError, UnknownNameError
from lrs_lightning.experts.files import expert_from_safetensors
from lrs_lightning.experts.hub import download, is_hub_name
from lrs_lightning.experts.mlp import MLPExpert
from lrs_lightning.experts.pixels import PixelExpert
from lrs_lightning.experts.sb3_expert import expert_from_zip
from lrs_lightning.near import did_you_mean_path

SHIPPED = "shipped"
Expert = MLPExpert | PixelExpert


def shipped_experts() -> dict[str, Traversable]:
    """The experts inside the package: environment id -> safetensors file."""
    folder = files("lrs_lightning.experts") / "shipped"
    weights = (entry for entry in folder.iterdir() if entry.name.endswith(".safetensors"))
    # A file's name has no slash: ALE-Seaquest-v5 is ALE/Seaquest-v5.
    return {
        entry.name.removesuffix(".safetensors").replace("ALE-", "ALE/"): entry for entry in weights
    }


def load_expert(source: str | Path, env_id: str, statistics: str | Path | None = None) -> Expert:
    """Load an expert for a task.

    Args:
        source: `"shipped"` for the one inside the package; the path of a `.safetensors` file (a
            `.json` beside it is its card); the path of a `.zip` of Stable-Baselines3 (DQN, QR-DQN,
            PPO, A2C, TRPO, SAC, TD3, DDPG, TQC); or the name of such a zip's repository on a hub,
            e.g. `"sb3/sac-HalfCheetah-v3"`.
        env_id: the task, e.g. `"HalfCheetah-v5"` or `"Seaquest"`.
        statistics: of a zip: the pickle of its `VecNormalize`; `"none"` where there was none; by
            default the one beside the zip, if there is one.

    Raises:
        UnknownNameError: no expert for this task ships with the package; none does for a task with
            wrappers, which change what is seen or done.
        DataError: the file is damaged, holds code, or something else than an expert.
        EnvironmentMismatchError: the expert was made for another task or has other spaces.
        ArgumentError: there is no such file.
    """
    env_id = canonical_id(env_id)
    if str(source) == SHIPPED:
        shipped = shipped_experts()
        variant = EnvVariant.parse(env_id)
        if variant.env_id not in shipped or variant.wrappers:
            describe(env_id)  # says so where the task itself is not there
            mend = "name one of your own, or train one with `expert fit`"
            raise UnknownNameError("shipped expert", env_id, shipped, mend)
        return expert_from_safetensors(shipped[variant.env_id], env_id)
    path = Path(source)
    if not path.is_file() and is_hub_name(str(source)):
        path = download(str(source))
    if not path.is_file():
        near = did_you_mean_path(path, (SHIPPED,))
        raise ArgumentError(
            f"no expert at {path}{near}: give the path of a .safetensors or .zip file, or "
            f"'shipped' for one of {', '.join(sorted(shipped_experts()))}"
        )
    if statistics is not None and path.suffix != ".zip":
        raise ArgumentError(f"{path} brings its own statistics: leave --statistics out")
    if path.suffix == ".zip":
        return expert_from_zip(path, env_id, statistics)
    return expert_from_safetensors(path, env_id)
