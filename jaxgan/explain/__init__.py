"""Why the discriminator says what it says of an image, and what happens inside the generator."""
