"""DAgger: students act in the loop, the expert labels, the demonstrations grow by rounds.

`section.py` says what a configuration declares, `mixture.py` who acts, `rounds.py` how a round is
played, `datamodule.py` how the store grows, `callback.py` when.
"""
