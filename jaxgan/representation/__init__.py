"""What the networks of a run know of images: clusters, features, anomalies, maps.

    found = representation.cluster("runs/mnist_infogan", "mnist")
    print(representation.table(found.comparison))

`cluster`, `probe`, `anomalies` and `reduce` are the commands of the same names. Each sets beside the networks
what a simple method makes of the same pixels: k-means or PCA.
"""

from jaxgan.representation.anomalies import Anomalies, anomalies
from jaxgan.representation.cluster import Clusters, cluster
from jaxgan.representation.probe import Probe, probe
from jaxgan.representation.reader import Reader, open_data, open_reader
from jaxgan.representation.reduce import Map, reduce
from jaxgan.representation.report import Comparison, table

__all__ = [
    "Anomalies",
    "Clusters",
    "Comparison",
    "Map",
    "Probe",
    "Reader",
    "anomalies",
    "cluster",
    "open_data",
    "open_reader",
    "probe",
    "reduce",
    "table",
]
