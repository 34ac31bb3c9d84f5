"""Many members in one run: policies of equal shapes trained side by side by `torch.vmap`.

`section.py` says what a configuration declares, `members.py` what a member is, `module.py` how all
are trained, `folders.py` what each leaves behind.
"""
