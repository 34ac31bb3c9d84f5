"""The verbs of the command line: one file each, with `main(verb, arguments) -> exit code`."""
