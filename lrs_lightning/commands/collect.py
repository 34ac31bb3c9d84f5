"""`collect`: roll an expert out and store what it saw and did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse.typing import PositiveInt

from lrs_lightning.commands import PROGRAM
from lrs_lightning.files import check_folder
from lrs_lightning.options.call import call

if TYPE_CHECKING:
    from lrs_lightning.rollout import Episode


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(collect, f"{PROGRAM} {verb}", arguments))


def collect(
    *,
    out: Path,
    env: str = "HalfCheetah-v5",
    env_kwargs: dict[str, Any] | None = None,
    wrappers: list[str] | None = None,
    expert: str = "shipped",
    statistics: Path | None = None,
    episodes: PositiveInt = 20,
    noise: str = "auto",
    seed: int = 0,
    dry_run: bool = False,
    quiet: bool = False,
) -> int:
    """Roll an expert out with noise on its actions and store what it saw and did.

    A store holds observations, executed actions, and the expert's clean actions: the labels.

    Args:
        out: folder of the store
        env: environment id, or module:Class of your own
        env_kwargs: its arguments, e.g. '{g: 5.0}'
        wrappers: put around it, the last outermost, e.g. TimeAwareObservation
            'FrameStackObservation(stack_size=4)' module:Class
        expert: 'shipped', a path (also a zip, run folder, onnx), module:function, or a hub name
        statistics: of a .zip: the pickle of its VecNormalize, or 'none'; else the one beside it
        episodes: number of episodes
        noise: deviation of the action noise: a schedule over the episodes such as 0:0.4, or one
            value; auto is 0:0.4, and 0:0.1 where actions are discrete (a share of random ones)
        seed: data seed: which episodes
        dry_run: say what would be played, and where it would be kept; write nothing
        quiet: print no line for each episode
    """
    from lrs_lightning.data.collect import collect as collect_store
    from lrs_lightning.data.noise_schedule import noise_schedule, schedule_for
    from lrs_lightning.data.writing import refuse_other_content
    from lrs_lightning.env_variant import variant_text
    from lrs_lightning.envs import describe
    from lrs_lightning.evaluation.policies import demonstrator
    from lrs_lightning.rollout.exploration import Exploration
    from lrs_lightning.training.candidate import load_candidate

    info = describe(variant_text(env, env_kwargs, wrappers))
    env = info.env_id
    policy = demonstrator(expert, env, load_candidate, statistics)
    noise = schedule_for(env, noise)
    sigmas = noise_schedule(noise, episodes)
    Exploration(sigmas, episodes, info.action_space, 1)  # whether this is noise of such actions
    check_folder(out)
    refuse_other_content(out)
    if dry_run:
        print(_plan(env, expert, sigmas, out))
        return 0
    show = None if quiet else show_episode
    store = collect_store(env, out, expert, episodes, noise, seed, show, policy)
    manifest = store.manifest
    mean = sum(manifest["returns"]) / len(store)
    size = store.bytes_on_disk / 1e6
    print(
        f"{len(store)} episodes, {manifest['steps']} steps, mean return {mean:.1f} "
        f"with noise {manifest['noise'][0]:g} to {manifest['noise'][-1]:g}: "
        f"{store.folder} ({size:.1f} MB)"
    )
    return 0


def _plan(env: str, expert: str, sigmas: Sequence[float], out: Path) -> str:
    from lrs_lightning.data.manifest import MANIFEST

    there = "; it takes the place of the store that is there" if (out / MANIFEST).exists() else ""
    return (
        f"{env}: {expert}, {len(sigmas)} episodes with noise {sigmas[0]:g} to {sigmas[-1]:g}\n"
        f"store: {out}{there}; nothing was played or written"
    )


def show_episode(episode: Episode) -> None:
    """Print the line of an episode as it ends."""
    print(
        f"episode {episode.episode:3d}  seed {episode.seed}  "
        f"return {episode.return_:9.1f}  length {episode.length}",
        flush=True,
    )
