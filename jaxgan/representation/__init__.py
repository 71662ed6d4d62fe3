"""What the networks of a run know of images: latents, codes, features, clusters, anomalies, maps.

reader = representation.open_reader("runs/mnist_bigan")
images = representation.open_data(reader, "mnist", split="test").images
latents = reader.encode(images)

found = representation.cluster("runs/mnist_infogan", "mnist")
print(representation.table(found.comparison))

`encode`, `cluster`, `probe`, `anomalies` and `reduce` are the commands of the same names. The last four set
beside the networks what a simple method makes of the same pixels: k-means or PCA.
"""

from jaxgan.representation.anomalies import Anomalies, anomalies
from jaxgan.representation.cluster import Clusters, cluster
from jaxgan.representation.encode import Codes, encode
from jaxgan.representation.fit_encoder import FittedEncoder, train_encoder
from jaxgan.representation.probe import Probe, probe
from jaxgan.representation.reader import Reader, open_data, open_reader
from jaxgan.representation.reduce import Map, reduce
from jaxgan.representation.report import Comparison, table

__all__ = [
    "Anomalies",
    "Clusters",
    "Codes",
    "Comparison",
    "FittedEncoder",
    "Map",
    "Probe",
    "Reader",
    "anomalies",
    "cluster",
    "encode",
    "open_data",
    "open_reader",
    "probe",
    "reduce",
    "table",
    "train_encoder",
]
