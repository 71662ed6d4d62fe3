"""The names of the data sets that `jaxgan data prepare` can prepare."""

PREPARABLE = ("mnist", "fashion_mnist", "cifar10")
