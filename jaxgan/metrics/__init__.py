"""How good are the fakes? Features in, numbers out.

Most metrics are pure functions of features `[N, d]` of real and of fake examples; any network may have
computed the features. `psnr`, `ssim` and `dice` compare images, or masks, pair by pair, and `colorfulness`
looks at images alone. A metric computes in float64 on the host. It returns a frozen dataclass with the
numbers and with the protocol of the measurement:

    print(metrics.frechet_distance(real_features, fake_features, extractor_name="digits-cnn"))
    FID-digits-cnn: value 12.3 (n_fake 10000, extractor digits-cnn, n_real 10000, dimension 64)
"""

from jaxgan.metrics.auroc import Auroc, auroc
from jaxgan.metrics.clustering import Clustering, clustering
from jaxgan.metrics.colorfulness import Colorfulness, colorfulness
from jaxgan.metrics.diversity import Diversity, diversity
from jaxgan.metrics.frechet import (
    FrechetDistance,
    FrechetDistanceInfinity,
    frechet_distance,
    frechet_distance_infinity,
)
from jaxgan.metrics.inception_score import InceptionScore, inception_score
from jaxgan.metrics.kernel import KernelDistance, kernel_distance
from jaxgan.metrics.memorisation import Memorisation, memorisation
from jaxgan.metrics.modes import ClassCoverage, ModeCoverage, class_coverage, mode_coverage
from jaxgan.metrics.moments import Moments, ShiftedSums, shifted_sums
from jaxgan.metrics.precision_recall import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
)
from jaxgan.metrics.records import ClosestRecord, closest_record
from jaxgan.metrics.restoration import (
    Accuracy,
    Dice,
    MeanAbsoluteError,
    Psnr,
    Ssim,
    accuracy,
    dice,
    mean_absolute_error,
    psnr,
    ssim,
)
from jaxgan.metrics.sliced import SlicedWasserstein, sliced_wasserstein
from jaxgan.metrics.tables import TableQuality, associations, column_shape, pair_trend, table_quality

__all__ = [
    "Accuracy",
    "Auroc",
    "ClassCoverage",
    "ClosestRecord",
    "Clustering",
    "Colorfulness",
    "DensityCoverage",
    "Dice",
    "Diversity",
    "FrechetDistance",
    "FrechetDistanceInfinity",
    "InceptionScore",
    "KernelDistance",
    "MeanAbsoluteError",
    "Memorisation",
    "ModeCoverage",
    "Moments",
    "PrecisionRecall",
    "Psnr",
    "ShiftedSums",
    "SlicedWasserstein",
    "Ssim",
    "TableQuality",
    "accuracy",
    "associations",
    "auroc",
    "class_coverage",
    "closest_record",
    "clustering",
    "colorfulness",
    "column_shape",
    "density_coverage",
    "dice",
    "diversity",
    "frechet_distance",
    "frechet_distance_infinity",
    "inception_score",
    "kernel_distance",
    "mean_absolute_error",
    "memorisation",
    "mode_coverage",
    "pair_trend",
    "precision_recall",
    "psnr",
    "shifted_sums",
    "sliced_wasserstein",
    "ssim",
    "table_quality",
]
