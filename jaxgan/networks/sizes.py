"""Which image sizes a network of doublings and halvings can have, and advice about those that it cannot."""

from collections.abc import Callable, Sequence

from jaxgan.system.errors import UserError

_LARGEST_BASE = 16 * 16  # height times width of features for which a first layer is no burden
_SMALLEST = 4  # pixels of the base


def halvings(height: int, width: int) -> int:
    """Return how often both sides can be halved and keep at least 4 pixels: 3 for 32x32, 2 for 28x28."""
    count = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 2 * _SMALLEST:
        height, width, count = height // 2, width // 2, count + 1
    return count


def require_halvings(title: str, image_shape: Sequence[int]) -> int:
    """Return `halvings`, for a family that needs at least one.

    Args:
        title: what the family's networks are, such as "a ResNet".
        image_shape: ``(height, width, channels)`` of one image.

    Raises:
        UserError: for another shape, and if there is no halving, with the nearest size that has one.
    """
    if len(image_shape) != 3:
        raise UserError(f"{title} takes images [height, width, channels], got {list(image_shape)}")
    height, width = image_shape[:2]
    if count := halvings(height, width):
        return count
    size = nearest(height, width, lambda *size: halvings(*size) > 0 and _is_small(*_base(*size)))
    advice = "" if size is None else f": the nearest size is `image_size` {size[0]}x{size[1]}"
    raise UserError(
        f"{title} halves its images at least once, to no less than {_SMALLEST} pixels, "
        f"and {height}x{width} does not allow it{advice}"
    )


def check_halvings(image_shape: Sequence[int], count: int) -> None:
    """Raise `ValueError` unless the shape is one of images whose sides can be halved `count` times."""
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ValueError(f"images have a shape (height, width, channels), got {tuple(image_shape)}")
    if any(side % 2**count for side in image_shape[:2]):
        raise ValueError(
            f"blocks that halve images {count} times take a height and width of multiples of {2**count}, "
            f"got {image_shape[0]}x{image_shape[1]}"
        )


def check_widths(widths: Sequence[int]) -> None:
    """Raise `ValueError` unless each of at least one block has channels."""
    if not widths or min(widths) < 1:
        raise ValueError(f"widths are one or more numbers of channels, got {tuple(widths)}")


def check_attention(attention: Sequence[int], heights: Sequence[int]) -> None:
    """Raise `ValueError` if no maps have one of the heights that `attention` names."""
    for height in attention:
        if height not in heights:
            occurring = ", ".join(map(str, dict.fromkeys(heights)))
            raise ValueError(f"attention at {height} needs maps of this height, and there are {occurring}")


def note_on(
    title: str,
    height: int,
    width: int,
    base: Callable[[int, int], tuple[int, int]] | None = None,
) -> str | None:
    """Return a line about an image size whose base is large, with the nearest size that has a small one.

    The generator's first layer has weights for each latent and each feature of the base. An image of 416x416
    pixels is halved five times, to a base of 13x13; one of 418x418 is halved once, to 209x209.

    Args:
        title: what the family's networks are, such as "a DCGAN".
        height: height of the images in pixels.
        width: width of the images in pixels.
        base: ``(height, width) -> (height, width)`` of the base; None for an image after its `halvings`.

    Returns:
        The line; None for a small base, and for a long strip, which has no such size nearby.
    """
    base = base or _base
    if _is_small(*base(height, width)):
        return None
    size = nearest(height, width, lambda *size: _is_small(*base(*size)))
    if size is None:
        return None
    large, small = base(height, width), base(*size)
    return (
        f"images of {height}x{width} make {title} with a large first layer, as its features begin at "
        f"{large[0]}x{large[1]}: with `image_size` {size[0]}x{size[1]} they begin at {small[0]}x{small[1]}"
    )


def nearest(height: int, width: int, suits: Callable[[int, int], bool]) -> tuple[int, int] | None:
    """Return the nearest size, of multiples of a power of two, that suits; None if none is near."""
    best, least = None, 0.25  # of height or width
    for unit in (2**count for count in range(1, 12)):
        size = unit * max(1, round(height / unit)), unit * max(1, round(width / unit))
        change = max(abs(size[0] / height - 1), abs(size[1] / width - 1))
        if suits(*size) and change < least:
            best, least = size, change
    return best


def _base(height: int, width: int) -> tuple[int, int]:
    unit = 2 ** halvings(height, width)
    return height // unit, width // unit


def _is_small(height: int, width: int) -> bool:
    return height * width <= _LARGEST_BASE
