"""Convolution kernels that are fast on CPU: primitives, their lowerings, and Winograd's minimal filtering.

Delete this package when XLA:CPU computes the gradients of convolutions as fast as convolutions, also in loops
and under vmap (``python benchmarks/kernels.py`` compares the two).
"""
