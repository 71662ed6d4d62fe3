"""What the networks of a run know of images: latents, codes, features.

reader = representation.open_reader("runs/mnist_bigan")
images = representation.open_data(reader, "mnist", split="test").images
latents = reader.encode(images)
"""

from jaxgan.representation.encode import Codes, encode, output_file
from jaxgan.representation.fit_encoder import FittedEncoder, train_encoder
from jaxgan.representation.reader import Reader, open_data, open_reader

__all__ = [
    "Codes",
    "FittedEncoder",
    "Reader",
    "encode",
    "open_data",
    "open_reader",
    "output_file",
    "train_encoder",
]
