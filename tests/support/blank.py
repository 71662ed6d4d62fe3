"""Pictures of one pixel in the place of figures, which take a second to draw."""

import matplotlib.figure
from PIL import Image


def save_blank(figure, file, **options):
    """Write a picture of one pixel."""
    Image.new("RGB", (1, 1)).save(file, format="png")


def blank_figures():
    """Make every figure of this process one pixel."""
    matplotlib.figure.Figure.savefig = save_blank
