"""Blood values of patients and the progress of their diabetes, a table of 442 rows that scikit-learn holds.

    python experiments/diabetes.py
    jaxgan evaluate runs/diabetes                     # by the held-out rows, beside a copula
    jaxgan sample runs/diabetes --n 100 --where "age>=50" --out rows.csv

What is predicted is a number. A fifth of the rows is held out. The settings are those of breast_cancer.py.
docs/guides/tables.md has the results, and experiments/studies/table_baselines.py measures them.

References:
    Efron et al. 2004, Least Angle Regression, Annals of Statistics 32
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import Tables

CONFIG = Config(
    data="diabetes",
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
    game=Tables(target="progression", pack=1, modes=0, judge_dropout=0.0),
    workdir="runs/diabetes",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
