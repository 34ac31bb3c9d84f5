"""`import`: turn somebody else's demonstrations into a store."""

from __future__ import annotations

import sys

from lrs_lightning.commands._parser import Parser
from lrs_lightning.errors import ArgumentError


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    from lrs_lightning.data.importers import import_demonstrations, importers

    formats = "; ".join(f"{name}: {kind.description}" for name, kind in importers().items())
    parser = Parser(
        "import",
        "Turn somebody else's demonstrations into a store that `fit --data.path` reads. "
        f"Formats: {formats}.",
    )
    parser.add_argument("--format", default="auto", help="one of the above, or auto")
    parser.add_argument("--source", required=True, help="file or folder")
    parser.add_argument("--env", help="the task they are of; needed where the format has none")
    parser.add_argument("--out", required=True, help="folder of the store")
    parser.add_argument(
        "--option", nargs="*", default=[], metavar="KEY=VALUE", help="options of the format"
    )
    chosen = parser.parse_args(arguments)

    def show(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} episodes", end="", file=sys.stderr, flush=True)

    store = import_demonstrations(
        chosen.source, chosen.out, chosen.format, chosen.env, _options(chosen.option), show
    )
    size = sum(f.stat().st_size for f in store.folder.iterdir()) / 1e6
    print(
        f"{len(store)} episodes of {store.task.env}, {store.manifest['steps']} steps: "
        f"{store.folder} ({size:.1f} MB)"
    )
    return 0


def _options(words: list[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise ArgumentError(f"--option {word!r}: write KEY=VALUE")
    return dict(word.split("=", 1) for word in words)
