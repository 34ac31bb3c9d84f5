"""The recurrences as Triton kernels; `launch` holds the functions to call.

Importing this package needs Triton; `lrs_kernels` asks for it only when a call goes to a GPU.
"""
