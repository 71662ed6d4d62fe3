"""Three small tables of scikit-learn's, which need no file: medical measurements, wines, and diabetes.

| table | rows | columns | to predict |
|---|---|---|---|
| breast_cancer | 569 | 30 measurements of cell nuclei | diagnosis: benign or malignant |
| wine | 178 | 13 chemical measurements | cultivar, one of three |
| diabetes | 442 | age, sex, body mass index, blood pressure, six blood values | progression after a year |

References:
    Street et al. 1993, Nuclear feature extraction for breast tumor diagnosis
    Forina et al. 1991, PARVUS: wines of three cultivars, UCI Machine Learning Repository
    Efron et al. 2004, Least Angle Regression, Annals of Statistics 32, section 1: the diabetes data
"""

from typing import Any

import numpy as np

TARGETS = {"breast_cancer": "diagnosis", "wine": "cultivar", "diabetes": "progression"}


def columns_of(name: str) -> dict[str, np.ndarray]:
    """Return the columns of a table by their names, the column to predict last."""
    from sklearn import datasets  # its import takes a second

    load: Any = getattr(datasets, f"load_{name}")
    table = load(scaled=False) if name == "diabetes" else load()
    names = [each.replace(" ", "_").replace("/", "_of_") for each in table.feature_names]
    columns = dict(zip(names, table.data.T, strict=True))
    if name == "diabetes":
        columns["sex"] = columns["sex"].astype(np.int64)
        return columns | {TARGETS[name]: table.target.astype(np.int64)}
    return columns | {TARGETS[name]: np.asarray(table.target_names)[table.target]}
