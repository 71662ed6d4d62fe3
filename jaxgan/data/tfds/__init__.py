"""TensorFlow Datasets without TensorFlow. Nothing else in the library knows TFDS."""
