"""Fakes and reals -> a `Report`: results and how they were measured, as files and as a table."""

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.evaluate.fakes import Fakes, fake_outputs
from jaxgan.evaluate.reals import Reals, real_outputs
from jaxgan.evaluate.scores import (
    METRICS,
    TRAINED_ON_FAKES,
    WITH_TRAINING_SET,
    Evidence,
    by_class,
    scalars,
)
from jaxgan.evaluate.trained_on_fakes import trained_on_fakes
from jaxgan.features import Extractor, FeaturesNotFiniteError
from jaxgan.metrics.result import Result
from jaxgan.system.errors import UserError
from jaxgan.system.files import finite, write_json
from jaxgan.system.output import aligned

BASELINES = ("bicubic", "source", "real")  # measured beside a translator's images, as "bicubic_psnr"


class Report(NamedTuple):
    """Everything that was measured, and how.

    Attributes:
        results: the results of each metric.
        classes: the numbers of each class by flat name; empty unless fakes and reals have labels.
        protocol: everything that the numbers depend on.
        notes: warnings for the reader, such as resized images or small sets.
        comparison: lines of cells that compare several sources, with a heading; without any, `table` has a
            line for each number.
    """

    results: dict[str, tuple[Result, ...]]
    classes: dict[int, dict[str, float]]
    protocol: dict[str, Any]
    notes: tuple[str, ...]
    comparison: tuple[tuple[str, ...], ...] = ()

    @property
    def scalars(self) -> dict[str, float]:
        """The measured numbers by flat name: "fid", "kid", "prdc_precision", ..."""
        return scalars(self.results)


def measure(
    fakes: Fakes,
    reals: Reals,
    extractor: Extractor,
    names: tuple[str, ...],
    *,
    train: Reals | None = None,
    held_out: Reals | None = None,
) -> Report:
    """Compare fakes with reals.

    Args:
        fakes: images to measure.
        reals: images to compare them with.
        extractor: the network that computes features.
        names: names of `METRICS`.
        train: all training images, for memorization.
        held_out: real images that were not trained on, for memorization.

    Raises:
        UserError: if the images are none, or a metric cannot be computed from them, with its name.
        FeaturesNotFiniteError: if fakes, or their features, are not finite.
    """
    fake_labels, real_labels = fakes.labels, reals.labels
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            evidence = Evidence(real_outputs(reals, extractor), fake_outputs(fakes, extractor), extractor)
            if set(names) & set(WITH_TRAINING_SET):
                evidence = evidence._replace(
                    train=None if train is None else real_outputs(train, extractor),
                    held_out=None if held_out is None else real_outputs(held_out, extractor),
                )
        except FeaturesNotFiniteError:
            raise
        except ValueError as error:  # the images do not fit the extractor
            raise UserError(str(error)) from error
        results = {}
        for name in names:
            try:
                results[name] = METRICS[name](evidence)
            except ValueError as error:
                raise UserError(f"{name}: {error}") from error
        warned = [str(warning.message) for warning in caught]
        classes = {}
        if fake_labels is not None and real_labels is not None and len(np.unique(real_labels)) > 1:
            if extractor.classes != reals.source:  # its logits stand for other classes
                evidence = evidence._replace(fake=evidence.fake._replace(logits=None))
            classes = by_class(names, evidence, real_labels, fake_labels)
        of_classes = [str(warning.message) for warning in caught[len(warned) :]]
    change = extractor.change(reals.images.shape[1:])
    protocol = {
        **fakes.protocol,
        "n_fake": fakes.count,
        "against": reals.source,
        "split": reals.split,
        "n_real": len(reals.images),
        "image_shape": list(reals.images.shape[1:]),
        "bits": 8,
        "extractor": extractor.name,
        "extractor_hash": extractor.hash,
        "extractor_details": extractor.details,
        "resize": change,
        **({} if reals.class_names is None else {"class_names": list(reals.class_names)}),
    }
    if of_classes:
        warned.append(f"per class: {of_classes[0]} (and {len(of_classes) - 1} more)")
    notes = dict.fromkeys((*fakes.notes, *reals.notes, *((change,) if change else ()), *warned))
    return Report(results, classes, protocol, tuple(notes))


def trained_on_fakes_report(fakes: Fakes, train: Reals, test: Reals) -> Report:
    """Measure what a classifier learns from fakes (`jaxgan.evaluate.trained_on_fakes`).

    Args:
        fakes: labelled images to measure.
        train: the labelled images that the generator was trained on.
        test: labelled real images that it was not trained on.

    Raises:
        UserError: if labels are missing or of different classes.
        FeaturesNotFiniteError: if fakes are not finite.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        result = trained_on_fakes(fakes, train, test)
    protocol = {
        **fakes.protocol,
        "n_fake": fakes.count,
        "against": test.source,
        "split": test.split,
        "n_real": len(test.images),
        "trained_on": train.source,
        "n_train": len(train.images),
        "image_shape": list(test.images.shape[1:]),
        "bits": 8,
    }
    warned = [str(warning.message) for warning in caught]
    notes = dict.fromkeys((*fakes.notes, *train.notes, *test.notes, *warned))
    return Report({TRAINED_ON_FAKES: (result,)}, {}, protocol, tuple(notes))


def joined(reports: Sequence[Report]) -> Report:
    """Return the measurements of several reports as one, with the protocol of the first."""
    results = {name: result for report in reports for name, result in report.results.items()}
    notes = dict.fromkeys(note for report in reports for note in report.notes)
    return reports[0]._replace(results=results, notes=tuple(notes))


def write(report: Report, folder: Path) -> list[Path]:
    """Write ``metric-<name>.json`` for each metric; NaN and infinity become null. Return the files."""
    files = []
    for name, results in report.results.items():
        content = {
            "metric": name,
            "results": [{"name": result.name, **dataclasses.asdict(result)} for result in results],
            "protocol": report.protocol,
            "notes": list(report.notes),
        }
        classes = {
            str(label): {key: value for key, value in row.items() if key.split("_")[0] in (name, "agreement")}
            for label, row in report.classes.items()
        }
        if any(set(row) - {"agreement"} for row in classes.values()):
            content["per_class"] = classes
        files.append(folder / f"metric-{name.replace('_', '-')}.json")
        write_json(files[-1], finite(content))
    return files


def table(report: Report) -> str:
    """Return the report as lines for a terminal."""
    rows = [
        (_title(name, result), number, f"{getattr(result, number):.6g}", _settings(result))
        for name, results in report.results.items()
        for result in results
        for number in result.measured
    ]
    lines = aligned(report.comparison or rows)
    if report.classes:
        columns = list(next(iter(report.classes.values())))
        columns = [name for name in columns if not name.endswith(("_deviation", "_standard_error"))]
        cells = {label: [f"{row[name]:.4g}" for name in columns] for label, row in report.classes.items()}
        names = report.protocol.get("class_names")
        rows = [(names[label] if names else str(label), *row) for label, row in cells.items()]
        lines += ["", *aligned([("class", *columns), *rows])]
    return "\n".join([*lines, *(f"note: {note}" for note in report.notes)])


def _title(name: str, result: Result) -> str:
    """Return the name of a result; that of a baseline says whose it is."""
    way = " backward" if name.startswith("backward_") else ""
    name = name.removeprefix("backward_")
    baseline = next((each for each in BASELINES if name.startswith(f"{each}_")), None)
    return result.name + ("" if baseline is None else f" of {baseline}") + way


def _settings(result: Result) -> str:
    """Return the settings of a metric in words: every field that is not a measured number."""
    fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    left_out = (*result.measured, *result.details, "extractor")
    settings = {name: value for name, value in fields.items() if name not in left_out}
    return ", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)
