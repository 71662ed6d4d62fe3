"""Why the discriminator says what it says: the part ``critic`` of ``jaxgan explain``.

Some fakes are explained, those that the discriminator finds most fake and those that it finds most real. Each
is compared with the real image that is nearest to it, so that the question is: by what does the discriminator
tell this fake from the real image most like it? Beside every explanation stand the numbers that a wrong one
would fail at, and how well the discriminator tells real from fake at all.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxgan.explain.attributions import METHODS, Explained, explaining
from jaxgan.explain.critic import logits_of
from jaxgan.explain.examples import REFERENCES, Examples, examples_of, references_of, together
from jaxgan.explain.faithful import randomised
from jaxgan.explain.pages import eight_bits
from jaxgan.explain.pictures import heat, strips
from jaxgan.explain.regions import grid, parse_grid
from jaxgan.explain.section import Section, Subject
from jaxgan.metrics import auroc
from jaxgan.system.errors import UserError, choose
from jaxgan.system.random import seed_key

ATTENTION = 64  # fakes, and reals, whose values are averaged
CHEAPER = 8  # each of these is played so many times less often
COIN = 0.6  # AUC below which a discriminator hardly tells real from fake


def critic_section(
    subject: Subject,
    *,
    method: str = "shapley",
    regions: str | tuple[int, int] | None = None,
    reference: str = "nearest",
    classes: Sequence[int] | None = None,
) -> Section:
    """Explain the discriminator's verdict on some fakes, and say how far the explanation can be trusted.

    Args:
        subject: the run; it has a discriminator.
        method: "shapley", "lime", "integrated" or "expected".
        regions: the grid, such as "7x7" or (7, 7); None for 7x7, or every pixel where there are 8.
        reference: what stands where a region is left out. "nearest" is the nearest training image, of the
            same class where the run is conditional; of a translator's image it is the image that it should
            be. "reals" are several training images, "grey" is a gray image.
        classes: the classes of the fakes of a conditional run; None for those of the real images.

    Returns:
        The numbers, ``critic.png`` and ``attention.png``, and the lines of the table.

    Raises:
        UserError: if there is nothing to compare with, or for arguments that mean nothing.
    """
    method, reference = choose("method", method, METHODS), choose("reference", reference, REFERENCES)
    judge, seed = subject.discriminator, subject.seed
    if judge is None:
        raise UserError(f"{subject.path} has no exported discriminator, so there is no verdict to explain")
    rows, columns = parse_grid(regions, judge.image_shape)
    places, logits = grid(judge.image_shape, rows, columns), logits_of(judge)
    fakes, reals = examples_of(subject, judge, classes)
    fake_logits = logits(*fakes[:3])
    real_logits = np.zeros(0) if reals is None else logits(*reals[:3])
    if not np.isfinite([*fake_logits, *real_logits]).all():
        raise UserError(f"the discriminator of {subject.path} says NaN or infinity: its training diverged")
    both = {"fakes": fakes} | ({} if reals is None else {"reals": reals})
    chosen, left = _extremes(fake_logits, subject.n)
    shown = fakes.rows(chosen)
    averaged = {name: each.rows(slice(ATTENTION)) for name, each in both.items()}
    compared = references_of(subject, together([shown, *averaged.values()]), reference)
    lengths = [len(some.images) for some in (shown, *averaged.values())]
    references, *others = np.split(compared, np.cumsum(lengths)[:-1])
    explain = explaining(judge, places, method)
    found = explain(judge.variables, shown, references, seed)
    unlearned = explain(
        randomised(judge.module, judge.variables, seed_key(seed)), shown, references, seed
    ).attribution
    look = explaining(judge, places, method, share=CHEAPER, checked=False)
    attention = {
        name: np.abs(look(judge.variables, some, of_some, seed).values).mean(axis=0)
        for (name, some), of_some in zip(averaged.items(), others, strict=True)
    }
    unseen = subject.held_out is not None
    numbers = {
        "step": judge.description["step"],
        "method": method,
        "regions": [rows, columns],
        "reference": reference,
        "references": references.shape[1],
        "classes": None if classes is None else list(classes),
        "fakes": len(fakes.images),
        "reals": len(real_logits),
        "reals_are": ("held out" if unseen else "training images") if reals is not None else None,
        **_of_verdicts(fake_logits, real_logits),
        **_of_explanations(found, unlearned.values),
        "attention": {name: values.tolist() for name, values in attention.items()},
        "images": [_of_image(found, shown, fake_logits, int(row), i) for i, row in enumerate(chosen)],
    }
    pictures = {
        "critic.png": strips(_verdicts(shown, found, references, places, left)),
        "attention.png": strips(_attention(both, attention, places)),
    }
    return Section(numbers, pictures, _table(numbers), _notes(numbers))


def _extremes(logits: np.ndarray, n: int) -> tuple[np.ndarray, int]:
    """Return n rows, those of the least logits and those of the largest, and how many the first are."""
    order, n = np.argsort(logits, kind="stable"), min(n, len(logits))
    left = n - n // 2
    return np.concatenate([order[:left], order[::-1][: n // 2]]), left


def _of_verdicts(fakes: np.ndarray, reals: np.ndarray) -> dict[str, Any]:
    """Return how well the discriminator tells reals from fakes, by their logits."""
    numbers: dict[str, Any] = {"logit_of_fakes": float(fakes.mean()), "logit_of_reals": None, "auc": None}
    if len(reals):
        area = auroc(np.concatenate([reals, fakes]), np.arange(len(reals) + len(fakes)) < len(reals))
        numbers |= {"logit_of_reals": float(reals.mean()), "auc": area.value}
        numbers["auc_standard_error"] = area.standard_error
    return numbers


def _of_explanations(found: Explained, unlearned: np.ndarray) -> dict[str, Any]:
    """Return how far the explanations can be trusted; the means are over images."""
    values, _, _, error, evaluations = found.attribution
    largest = np.abs(values).max(axis=1)
    ranks = [rank_correlation(*pair) for pair in zip(values, unlearned, strict=True)]
    return {
        "evaluations": int(np.max(evaluations)),
        "largest_residual": float(np.abs(residuals(found)).max()),
        "standard_error_share": _mean(error.max(axis=1) / np.where(largest > 0, largest, np.nan)),
        "fidelity": _mean(found.fidelity[:, 0]),
        "fidelity_of_random_values": _mean(found.fidelity[:, 1]),
        "deletion_gap": _mean(found.gap[:, 0]),
        "deletion_gap_of_random_values": _mean(np.abs(found.gap[:, 1])),
        "rank_correlation_with_random_weights": _mean(ranks),
    }


def residuals(found: Explained) -> np.ndarray:
    """Return what the values of each image add up to beyond the difference of the verdicts."""
    values, base, total = found.attribution[:3]
    return np.asarray(values).sum(axis=1) - (total - base)


def _of_image(found: Explained, shown: Examples, logits: np.ndarray, row: int, i: int) -> dict[str, Any]:
    return {
        "fake": row,  # jaxgan sample --seed draws it at this place; of a translator, the source's place
        "label": None if shown.labels is None else int(shown.labels[i]),
        "logit": float(logits[row]),
        "logit_of_reference": float(found.attribution.base[i]),
        "residual": float(residuals(found)[i]),
        "fidelity": float(found.fidelity[i, 0]),
        "values": found.attribution.values[i].tolist(),
        "standard_errors": found.attribution.standard_error[i].tolist(),
    }


def _mean(values: Any) -> float:
    """Return the mean of the values that are defined; NaN if none is."""
    values = np.asarray(values, np.float64)
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else float("nan")


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's rank correlation; NaN where all values of one are equal."""
    from scipy.stats import rankdata  # it takes a second to import

    ranks = np.stack([rankdata(a), rankdata(b)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    lengths = np.sqrt((ranks**2).sum(axis=1))
    return float(ranks[0] @ ranks[1] / lengths.prod()) if lengths.all() else float("nan")


def _verdicts(
    shown: Examples, found: Explained, references: np.ndarray, regions: np.ndarray, left: int
) -> list[list[Any]]:
    """Return the rows of critic.png: fake, map, reference; the most fake are on the left."""
    cells = [
        [image, heat(values, regions), compared]
        for image, values, compared in zip(
            eight_bits(shown.images),
            found.attribution.values,
            eight_bits(references.mean(axis=1)),
            strict=True,
        )
    ]
    right = [*cells[left:], *[[None] * 3] * (2 * left - len(cells))]
    return [[*first, None, *second] for first, second in zip(cells[:left], right, strict=True)]


def _attention(
    examples: dict[str, Examples], attention: dict[str, np.ndarray], regions: np.ndarray
) -> list[list[Any]]:
    """Return a row for fakes and one for reals: their mean image, and the mean magnitudes in one scale."""
    largest = max(float(values.max()) for values in attention.values())
    means = {name: eight_bits(each.images.mean(axis=0, keepdims=True))[0] for name, each in examples.items()}
    return [[means[name], heat(each, regions, largest=largest)] for name, each in attention.items()]


def _table(numbers: dict[str, Any]) -> list[tuple[str, str | float]]:
    """Return the lines of the printed table; numbers that are missing are left out."""
    reals = "held-out reals" if numbers["reals_are"] == "held out" else "training images"
    lines = {
        f"AUC of the discriminator, {reals} against fakes": "auc",
        "evaluations of an image": "evaluations",
        "largest residual of the sum": "largest_residual",
        "standard error, share of the largest value": "standard_error_share",
        "fidelity": "fidelity",
        "fidelity of random values": "fidelity_of_random_values",
        "deletion gap": "deletion_gap",
        "deletion gap of random values": "deletion_gap_of_random_values",
        "rank correlation with random weights": "rank_correlation_with_random_weights",
    }
    return [(line, numbers[name]) for line, name in lines.items() if numbers[name] is not None]


def _notes(numbers: dict[str, Any]) -> tuple[str, ...]:
    notes = []
    if numbers["reals_are"] is None:
        notes.append("no real images are at hand, so nothing says how well the discriminator tells them")
    elif numbers["reals_are"] != "held out":
        notes.append("the AUC is of training images: there are none that the run was not trained on")
    if numbers["auc"] is not None and numbers["auc"] < COIN:
        notes.append(
            f"the discriminator hardly tells real from fake (AUC {numbers['auc']:.2f}): "
            "an explanation of a coin toss is noise"
        )
    return tuple(notes)
