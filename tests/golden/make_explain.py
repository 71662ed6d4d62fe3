"""Make explain.npz: what shap and lime say of a small nonlinear critic, in float64. jaxgan is not imported.

    uv venv golden
    uv pip install --python golden/bin/python shap==0.51.0 lime==0.2.0.1 scikit-image "numpy<2.4"
    golden/bin/python tests/golden/make_explain.py

The critic, its image and its references are those of tests/support/golden_game.py. Of each grid there are
Shapley values against one reference and against several, by shap's ExactExplainer, and the coefficients and
the intercept of lime's LimeImageExplainer with its own masks, where hidden regions are gray.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import shap
from lime.lime_image import LimeImageExplainer

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from golden_game import GRIDS, IMAGE, REFERENCES, SAMPLES, critic, regions_of


def shapley_values(regions, references):
    """Return shap's exact values of the regions."""
    n = int(regions.max()) + 1

    def play(masks):
        shown = masks.astype(bool)[:, regions][..., None]
        return np.mean([critic(np.where(shown, IMAGE, reference)) for reference in references], axis=0)

    explainer = shap.ExactExplainer(play, shap.maskers.Independent(np.zeros((1, n))))
    return explainer(np.ones((1, n))).values[0]


def lime_fit(regions):
    """Return lime's masks, coefficients and intercept against a gray reference."""
    n = int(regions.max()) + 1
    found = LimeImageExplainer(random_state=0).explain_instance(
        IMAGE,
        lambda images: critic(images)[:, None],
        labels=(0,),
        top_labels=None,
        hide_color=0,
        num_samples=SAMPLES,
        segmentation_fn=lambda image: regions,
        random_seed=0,
    )
    masks = np.random.RandomState(0).randint(0, 2, SAMPLES * n).reshape(SAMPLES, n)  # as lime draws them
    masks[0] = 1
    coefficients = np.zeros(n)
    for region, coefficient in found.local_exp[0]:
        coefficients[region] = coefficient
    return masks, coefficients, found.intercept[0]


def main():
    golden = {"versions": [f"{name} {version(name)}" for name in ("shap", "lime", "scikit-learn", "numpy")]}
    for name, grid in GRIDS.items():
        regions = regions_of(*grid)
        golden[f"{name}/one reference"] = shapley_values(regions, REFERENCES[:1])
        golden[f"{name}/three references"] = shapley_values(regions, REFERENCES)
        masks, coefficients, intercept = lime_fit(regions)
        golden[f"{name}/masks"] = np.packbits(masks.astype(bool))
        golden[f"{name}/lime"] = coefficients
        golden[f"{name}/lime intercept"] = intercept
    np.savez_compressed(Path(__file__).parent / "explain.npz", **golden)


if __name__ == "__main__":
    main()
