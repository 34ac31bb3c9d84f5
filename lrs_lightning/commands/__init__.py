"""The verbs of the command line: one file each, with `main(verb, arguments) -> exit code`.

A verb is a typed function: its signature gives the options, its docstring the help. What is heavy
is imported in it, so that `VERB --help` needs no torch.
"""

PROGRAM = "python -m lrs_lightning"
