"""What the networks of a run know of images: clusters, features, anomalies, maps."""
