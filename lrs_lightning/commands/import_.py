"""`import`: turn somebody else's demonstrations into a store."""

from __future__ import annotations

import sys

from lrs_lightning.commands._parser import Parser


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    parser = Parser(
        "import",
        "Turn somebody else's demonstrations into a store that `fit --data.path` reads. Format "
        "ncps-npz: a folder of train_*.npz and val_*.npz with obs (T, 84, 84, 4) and actions (T,).",
    )
    parser.add_argument("--format", choices=["ncps-npz"], required=True, help="what the files are")
    parser.add_argument("--source", required=True, help="folder of the files")
    parser.add_argument("--env", default="Breakout", help="the task they are of")
    parser.add_argument("--out", required=True, help="folder of the store")
    options = parser.parse_args(arguments)

    from lrs_lightning.data.ncps_npz import import_ncps_npz

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} files", end="", file=sys.stderr, flush=True)

    store = import_ncps_npz(options.source, options.out, options.env, show)
    size = sum(f.stat().st_size for f in store.folder.iterdir()) / 1e6
    raw = store.manifest["steps"] * 84 * 84 / 1e6
    print(
        f"{store.manifest['files']} files, {len(store)} episodes, {store.manifest['steps']} "
        f"frames: {store.folder} ({size:.1f} MB; {raw / size:.1f} times smaller than raw frames)"
    )
    return 0
