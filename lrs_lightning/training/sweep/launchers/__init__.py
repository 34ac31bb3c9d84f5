"""Where the runs of a sweep are trained: a launcher is one file.

`launcher.py` says what one must do, `local.py` trains in this process, one run after the other, and
`ray_cluster.py` on the machines of a Ray cluster, where `ray_node.py` is what runs there and
`ray_connection.py` the way in. `choice.py` knows them by name.
"""
