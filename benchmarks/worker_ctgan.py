"""The other side of vs_ctgan.py: `ctgan` from PyPI, with its own settings, in a process of its own.

It is started as ``python worker_ctgan.py TRAIN.csv SAMPLES.csv ROWS SEED SECONDS COLUMN ...``, with the names
of the columns of categories. It trains for its own number of epochs, or stops after the epoch in which the
seconds are over. It answers by one line of JSON.
"""

import json
import sys
import time
from importlib.metadata import version

import ctgan
import numpy as np
import pandas as pd
import torch
from ctgan.synthesizers import ctgan as module


def main() -> None:
    """Train, write the rows, and print the times."""
    train, samples, rows, seed, seconds, *categories = sys.argv[1:]
    torch.manual_seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 -- ctgan draws from it
    table = pd.read_csv(train, dtype=dict.fromkeys(categories, str))
    table[categories] = table[categories].fillna("")
    holes = [name for name in table if table[name].isna().any()]
    for name in holes:  # ctgan refuses missing numbers: a category says which are missing
        table[f"{name} is missing"] = np.where(table[name].isna(), "yes", "no")
        table[name] = table[name].fillna(table[name].mean())
    flags = [f"{name} is missing" for name in holes]
    began, epochs = time.monotonic(), []

    def until_the_time_is_over(iterable, **_):
        for epoch in iterable:
            epochs.append(time.monotonic())
            if epochs[-1] - began > float(seconds):
                return
            yield epoch
        epochs.append(time.monotonic())

    module.tqdm = until_the_time_is_over  # it wraps the epochs
    model = ctgan.CTGAN(enable_gpu=torch.cuda.is_available())
    model.fit(table, [*categories, *flags])
    trained = time.monotonic()
    made = model.sample(int(rows))
    for name, flag in zip(holes, flags, strict=True):
        made[name] = made[name].where(made[flag] == "no")
    made.drop(columns=flags).to_csv(samples, index=False)
    answer = {
        "seconds": trained - began,
        "seconds_before_training": epochs[0] - began,
        "epochs": len(epochs) - 1,
        "epoch_seconds": (epochs[-1] - epochs[0]) / max(1, len(epochs) - 1),
        "versions": {name: version(name) for name in ("ctgan", "torch")},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
