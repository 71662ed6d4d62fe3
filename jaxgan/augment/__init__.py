"""Differentiable augmentation of the discriminator's inputs.

With few images a discriminator memorizes them, and its gradients no longer describe the data. If only the
real images were augmented, the generator would learn the augmentations too. Both methods here therefore
augment *every* input of the discriminator, real and fake, in the discriminator's update and in the
generator's. For this the augmentations have to be differentiable.

    augment.diff_augment(policy="color,translation,cutout")  # few kinds, always (Zhao et al. 2020)
    augment.ada_pipeline(p=0.2)  # many kinds, each with probability p (Karras et al. 2020)

An augmentation is a function ``(images, *, keys, step=0) -> images`` with one key per example, so that the
result for an example does not depend on the batch around it. Probabilities and standard deviations may be
numbers, schedules of the step, or traced scalars. With ``augment.ada_pipeline(p=p)`` made inside a jitted
function of ``p``, the adaptive rule needs no recompilation:

    p = augment.ada_update(p, augment.sign_statistic(real_logits), images=64)

`ada` is the older name of `ada_pipeline`.

References:
    Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training,
    https://arxiv.org/abs/2006.10738
    Karras et al. 2020, Training Generative Adversarial Networks with Limited Data,
    https://arxiv.org/abs/2006.06676
    Sønderby et al. 2017, Amortised MAP Inference for Image Super-resolution,
    https://arxiv.org/abs/1610.04490
"""

from jaxgan.augment.ada import ada_pipeline, ada_update, sign_statistic
from jaxgan.augment.compose import compose
from jaxgan.augment.diffaugment import diff_augment
from jaxgan.augment.noise import instance_noise

ada = ada_pipeline

__all__ = ["ada", "ada_pipeline", "ada_update", "compose", "diff_augment", "instance_noise", "sign_statistic"]
