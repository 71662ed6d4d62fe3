"""A few trees say as much of tiny tables as many, in less time."""

import pytest

from jaxgan.evaluate.tables import learned


@pytest.fixture(autouse=True, scope="session")
def few_trees():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learned, "ROUNDS", 12)
        yield
