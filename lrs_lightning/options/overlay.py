"""An option that holds a whole configuration: later words go over earlier ones key by key.

The parser replaces a mapping by the next one, and all below the first key of `--fit.data.env`: a
second file that changes one key would put everything else back to its default, without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lrs_lightning.options.peek import pairs


def with_overlays(name: str, words: Sequence[str]) -> list[str]:
    """The command line with all layers of an option joined into one last word.

    Layers are what stands under the option's name in files of `--config`, `--name MAPPING`, and
    `--name.key VALUE` with as many keys as one likes. What is wrong with one of them is left for
    the parser to say, which reads them all the same.

    Args:
        name: of the option, without dashes.
        words: the command line after the verb, with paths for the names of shipped files.
    """
    layers = list(_layers(name, words))
    if len(layers) < 2:
        return list(words)
    whole: dict[str, Any] = {}
    for layer in layers:
        whole = over(whole, layer)
    text = yaml.safe_dump(whole, default_flow_style=True, width=float("inf"), sort_keys=False)
    return [*words, f"--{name}={text.strip()}"]


def over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """One configuration over another, key by key; of another class it takes nothing over."""
    one, other = below.get("class_path"), above.get("class_path")
    found = {} if one and other and one != other else dict(below)
    for key, value in above.items():
        before = found.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        found[key] = over(before, value) if both else value  # type: ignore[arg-type]
    return found


def _layers(name: str, words: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Mappings that lie over each other, the lowest first."""
    for option, text in pairs(words):
        value: Any = None
        if option == "--config":
            content = _read(text)
            value = content.get(name) if isinstance(content, Mapping) else None
        elif option == f"--{name}":
            value = _parsed(text)
        elif option.startswith(f"--{name}."):
            value = _parsed(text)
            for key in reversed(option.split(".")[1:]):
                value = {key: value}
        if isinstance(value, Mapping):
            yield value


def _read(text: str) -> Any:
    """The content of a file, or of the word itself."""
    try:
        path = Path(text)
        return _parsed(path.read_text(encoding="utf-8") if path.is_file() else text)
    except (OSError, ValueError):  # what is no path, or no text
        return None


def _parsed(text: str) -> Any:
    """A value; a text that is no YAML is that text, as it is to the parser."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
