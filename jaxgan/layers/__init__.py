"""Layers that linen lacks, or computes more slowly.

`Conv`, `ConvTranspose`, `Dense` and `BatchNorm` have linen's names, parameters and numbers. On CPU their
gradients are faster than linen's, also in loops and in populations.
"""

from jaxgan.layers.attention import SelfAttention
from jaxgan.layers.batch_norm import BatchNorm
from jaxgan.layers.conditional_batch_norm import ConditionalBatchNorm
from jaxgan.layers.convolution import Conv, ConvTranspose
from jaxgan.layers.dense import Dense
from jaxgan.layers.equalized import EqualizedConv, EqualizedDense, scaled_leaky_relu
from jaxgan.layers.heads import ProjectionHead, heads
from jaxgan.layers.instance_norm import InstanceNorm
from jaxgan.layers.labels import encode_labels
from jaxgan.layers.minibatch_stddev import MinibatchStddev
from jaxgan.layers.modulation import ModulatedConv, modulated_conv
from jaxgan.layers.noise import Noise, example_keys
from jaxgan.layers.resampling import blur, downsample, upsample
from jaxgan.layers.residual import ResidualBlock
from jaxgan.layers.spectral_norm import SpectralNorm
from jaxgan.layers.sub_pixel import sub_pixel_init, to_pixels
from jaxgan.layers.vector_batch_norm import VectorBatchNorm

__all__ = [
    "BatchNorm",
    "ConditionalBatchNorm",
    "Conv",
    "ConvTranspose",
    "Dense",
    "EqualizedConv",
    "EqualizedDense",
    "InstanceNorm",
    "MinibatchStddev",
    "ModulatedConv",
    "Noise",
    "ProjectionHead",
    "ResidualBlock",
    "SelfAttention",
    "SpectralNorm",
    "VectorBatchNorm",
    "blur",
    "downsample",
    "encode_labels",
    "example_keys",
    "heads",
    "modulated_conv",
    "scaled_leaky_relu",
    "sub_pixel_init",
    "to_pixels",
    "upsample",
]
