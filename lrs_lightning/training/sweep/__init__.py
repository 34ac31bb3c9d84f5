"""Sweeps: a declared grid, trained in populations, and one table of what came out.

`plan.py` says which members there are and which run trains them, `running.py` trains what is
missing, `table.py` gathers the results.
"""
