"""Small networks of the families with residual blocks, for tests of all that trains them."""

from jaxgan.networks import biggan, biggan_deep, fastgan, r3gan, resnet

SHAPE = (8, 8, 1)
NAMES = ("resnet", "biggan", "biggan_deep", "fastgan", "r3gan")


def pair(name, num_classes=None):
    """Return the generator and the discriminator of a family, for images of `SHAPE`."""
    if name == "resnet":
        return resnet.Generator(SHAPE, (8, 8), num_classes), resnet.Discriminator(
            (4, 4), 1, "in", num_classes
        )
    if name == "biggan":
        return biggan.Generator(SHAPE, 4, (2, 2), num_classes, shared=3), biggan.Discriminator(
            4, (1, 1), 1, num_classes
        )
    if name == "biggan_deep":
        return biggan_deep.Generator(SHAPE, 16, (2, 1), num_classes, shared=3), biggan_deep.Discriminator(
            16, (1, 2), 1, num_classes
        )
    if name == "fastgan":
        discriminator = fastgan.Discriminator(2, 1, small=False, norm="none", num_classes=num_classes)
        return fastgan.Generator(SHAPE, 1, 1, num_classes), discriminator
    fields = {"widths": (8, 8), "groups": (2, 2), "blocks": 1, "num_classes": num_classes}
    return r3gan.Generator(SHAPE, **fields), r3gan.Discriminator(**fields)
