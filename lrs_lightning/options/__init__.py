"""The command line's one parser: options from typed functions, help of one screen, one sentence.

Nothing is imported here: `menu` must answer before jsonargparse is loaded, which takes longer than
all else that `--help` does.
"""
