"""Measurements of cell nuclei and their diagnosis, a table of 569 rows that scikit-learn holds.

    python experiments/breast_cancer.py
    jaxgan evaluate runs/breast_cancer                # by the held-out rows, beside a copula
    jaxgan sample runs/breast_cancer --n 1000 --where diagnosis=malignant --out rows.csv

A fifth of the rows is held out. Networks are small, each number has a bell curve, and a row is judged by
itself, as the table has few rows. docs/guides/tables.md has the results, and table_baselines.py in studies/
measures them.

References:
    Street et al. 1993, Nuclear feature extraction for breast tumor diagnosis
    Huang et al. 2024, The GAN is dead; long live the GAN!, https://arxiv.org/abs/2501.05441, for the loss
"""

from jaxgan import train
from jaxgan.config import Config
from jaxgan.rules import Tables

CONFIG = Config(
    data="breast_cancer",
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
    game=Tables(target="diagnosis", pack=1, modes=0, judge_dropout=0.0),
    workdir="runs/breast_cancer",
)

if __name__ == "__main__":
    train.main(CONFIG, __doc__)
