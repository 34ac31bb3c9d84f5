"""Do the tests notice a mistake? Small faults are put into the code, one at a time, and judged.

`python -m tools.faults --rooms statistics --number 60` draws 60 faults of a room, runs those of its
tests that run the changed lines against each, in a copy of the tree, and prints what none finds.
"""
