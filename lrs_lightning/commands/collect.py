"""`collect`: roll an expert out and store what it saw and did."""

from __future__ import annotations

from lrs_lightning.commands._parser import Parser, positive_int


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    parser = Parser(
        "collect",
        "Roll an expert out with noise on its actions and store observations, executed actions and "
        "the expert's clean actions, which are the labels.",
    )
    parser.add_argument("--env", default="HalfCheetah-v5", help="environment id")
    parser.add_argument("--expert", default="shipped", help="'shipped', or the path of an expert")
    parser.add_argument("--episodes", type=positive_int, default=20, help="number of episodes")
    parser.add_argument(
        "--noise",
        default="0:0.4",
        help="standard deviation of the action noise: a schedule over the episodes, or one value",
    )
    parser.add_argument("--seed", type=int, default=0, help="data seed")
    parser.add_argument("--out", required=True, help="folder of the store")
    options = parser.parse_args(arguments)

    from lrs_lightning.data.collect import collect
    from lrs_lightning.rollout import Episode

    def show(episode: Episode) -> None:
        print(
            f"episode {episode.episode:3d}  seed {episode.seed}  "
            f"return {episode.return_:9.1f}  length {episode.length}",
            flush=True,
        )

    store = collect(**vars(options), on_episode=show)
    manifest = store.manifest
    mean = sum(manifest["returns"]) / len(store)
    size = sum(f.stat().st_size for f in store.folder.iterdir()) / 1e6
    print(
        f"{len(store)} episodes, {manifest['steps']} steps, mean return {mean:.1f} "
        f"with noise {manifest['noise'][0]:g} to {manifest['noise'][-1]:g}: "
        f"{store.folder} ({size:.1f} MB)"
    )
    return 0
