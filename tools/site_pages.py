"""What `make docs` adds to docs/: pages that stand elsewhere, and links.

Each text has one source. Pages beside docs/ (the README of the kernels, the changelog, ...) become
pages of the site. Where a text names another page of ours in backticks, as one that is read in an
editor does, the site makes it a link; in the repository it stays as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # MkDocs runs this file alone

from tools.site_addresses import ELSEWHERE, heading, with_links  # noqa: E402


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from elsewhere."""
    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Make links of the pages that a text names."""

    def title(name: str) -> str | None:
        file = files.get_file_from_path(name)
        return None if file is None else heading(file.content_string)

    return with_links(markdown, page.file.src_uri, title)
