"""Chemical measurements of wines of three cultivars, a table of 178 rows that scikit-learn holds.

    python experiments/wine.py
    jaxgan evaluate runs/wine                         # by the held-out rows, beside a copula
    jaxgan sample runs/wine --n 100 --where cultivar=class_1 --out rows.csv

A fifth of the rows is held out. The settings are those of breast_cancer.py. docs/guides/tables.md has the
results, and experiments/studies/table_baselines.py measures them.

References:
    Forina et al. 1991, PARVUS, UCI Machine Learning Repository
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import Tables

CONFIG = Config(
    data="wine",
    hidden=(128, 128),
    latent_dim=32,
    loss="relativistic",
    penalty="r1_r2",
    penalty_weight=0.1,
    batch_size=100,
    steps=3000,
    generator_learning_rate=1e-3,
    discriminator_learning_rate=1e-3,
    learning_rate_schedule="cosine",
    decay_steps=3000,
    beta1=0.0,
    beta2=0.9,
    held_out=0.2,
    game=Tables(target="cultivar", pack=1, modes=0, judge_dropout=0.0),
    workdir="runs/wine",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
