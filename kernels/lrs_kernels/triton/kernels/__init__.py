"""The code that runs on the GPU: nothing here but functions compiled by Triton."""
