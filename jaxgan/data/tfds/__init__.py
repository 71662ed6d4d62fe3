"""TensorFlow Datasets without TensorFlow. No other package of the library imports TFDS."""
