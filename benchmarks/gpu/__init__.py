"""One command for a GPU that is lent for minutes: is it right, is it safe, how fast is it?

Everything here runs from a bare copy of the tree with torch, Triton and pytest alone, writes each
figure as soon as it is known, and goes on where it was cut off.
"""
