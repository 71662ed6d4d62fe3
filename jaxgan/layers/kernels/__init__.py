"""What makes convolutions fast on CPU: primitives, how each is computed, and Winograd's minimal filtering.

Delete this package when XLA:CPU computes the gradients of convolutions as fast as convolutions.
"""
