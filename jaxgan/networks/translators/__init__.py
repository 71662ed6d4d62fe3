"""Translators: generators that make an image of another image, the source.

    Translator(...)(sources [B, h, w, c], labels=None, *, train) -> images [B, H, W, C]

| module | image | paper |
|---|---|---|
| `UNet` | of the source's size | pix2pix: halvings down to one place and back, with connections across |
| `ResNetTranslator` | of the source's size | CycleGAN: two halvings, residual blocks, and back |
| `SRResNet` | `scale` times as large | SRGAN: residual blocks, then sub-pixel upsampling |
| `RRDBNet` | `scale` times as large | ESRGAN: dense blocks inside of residual ones, then upsampling |

Translators take sources of any height and width. What their strides do not divide is padded, and cropped
again. `stride`, `scale` and `reach` of a translator say how a picture can be made in tiles
(`jaxgan.translate`). `Cycle` and `Judges` make one player of two networks each, for CycleGAN.
"""

from jaxgan.networks.translators.cycle import Cycle, Judges
from jaxgan.networks.translators.resnet import ResNetTranslator
from jaxgan.networks.translators.rrdb import RRDBNet
from jaxgan.networks.translators.srresnet import SRResNet
from jaxgan.networks.translators.unet import UNet

TRANSLATORS = {"unet": UNet, "resnet": ResNetTranslator, "srresnet": SRResNet, "rrdb": RRDBNet}
"""The translators by their names in a config."""

__all__ = ["TRANSLATORS", "Cycle", "Judges", "RRDBNet", "ResNetTranslator", "SRResNet", "UNet"]
