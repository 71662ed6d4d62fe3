"""Random numbers and precision: those of the seed, whatever the environment asks for."""

import ast
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import jaxgan
from jaxgan.system.random import pinned, seed_key

OTHERS = {
    "prng": lambda: jax.default_prng_impl("rbg"),
    "partitionable": lambda: jax.threefry_partitionable(False),
    "x64": lambda: jax.enable_x64(True),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_seed_gives_the_same_numbers_whatever_jax_is_told(other):
    def draw():
        keys = jax.random.split(seed_key(3), 3)
        return jax.vmap(lambda key: jax.random.normal(key, (5,)))(keys), jax.random.key(1)

    numbers, _ = draw()
    with OTHERS[other](), pinned():
        again, key = draw()
    assert again.dtype == jnp.float32
    assert (again == numbers).all()
    assert jax.random.key_impl(key) == "threefry2x32"


def test_every_key_of_the_library_is_made_in_one_place():
    for path in Path(jaxgan.__file__).parent.rglob("*.py"):
        calls = [
            node.func
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        ]
        made = {"jax.random.key", "jax.random.PRNGKey"} & {ast.unparse(function) for function in calls}
        assert not made or path.name == "random.py", path
