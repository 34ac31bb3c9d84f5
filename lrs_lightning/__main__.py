"""Entry point of `python -m lrs_lightning`."""

import sys

from lrs_lightning.cli import main

if __name__ == "__main__":
    sys.exit(main())
