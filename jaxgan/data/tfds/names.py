"""Which data sets `jaxgan data prepare` prepares."""

PREPARABLE = ("mnist", "fashion_mnist", "cifar10")
