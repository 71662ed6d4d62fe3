"""Row 17: whatever the values are."""

import contextlib
import math
import tempfile
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from jaxgan import data
from jaxgan.config import INFO, Config
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.system.errors import UserError

quick = settings(deadline=None, max_examples=60)
few = settings(deadline=None, max_examples=15)
numbers = {int: st.integers(-3, 10**12), float: st.floats()}
NUMERIC = {name: type(value) for name, value in vars(Config()).items() if type(value) in numbers}
changes = st.sampled_from(list(NUMERIC)).flatmap(
    lambda name: st.tuples(st.just(name), numbers[NUMERIC[name]])
)


@quick
@given(st.lists(changes, max_size=3))
def test_a_config_is_refused_or_in_range(changes):
    with contextlib.suppress(UserError):
        config = Config(**dict(changes)).check()
        values = {name: getattr(config, name) for name in NUMERIC}
        assert min(values.values()) >= 0
        assert all(math.isfinite(value) for name, value in values.items() if name != "device_data")
        assert max(config.beta1, config.beta2, config.ema_decay) < 1
        assert min(config.steps, config.batch_size, config.d_steps, config.latent_dim, config.keep) >= 1


@quick
@given(
    st.text(max_size=12),
    st.sampled_from([name for name, info in INFO.items() if info.choices and not info.multiple]),
)
def test_any_name_is_known_or_refused_in_one_sentence(text, field):
    known = list(INFO[field].choices)
    if text.replace("-", "_") not in known:
        with pytest.raises(UserError, match=f"`{field}` .* is unknown"):
            Config(**{field: text.replace("\n", "")}).check()


@quick
@given(st.integers(1, 400), st.integers(1, 300), st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_each_image_comes_once_an_epoch_whatever_the_batch_and_the_shards(size, batch_size, seed, shards):
    batches = -(-2 * size // batch_size)
    stream = np.concatenate(
        [data.batch_indices(seed, step, batch_size=batch_size, size=size, xp=np) for step in range(batches)]
    )
    for epoch in (stream[:size], stream[size : 2 * size]):
        assert sorted(epoch.tolist()) == list(range(size))
    if batch_size % shards == 0:  # a device takes its rows of the batch: together they are the batch
        whole = stream[:batch_size]
        assert np.concatenate(np.split(whole, shards)).tolist() == whole.tolist()
    on_device = data.batch_indices(seed, 1, batch_size=batch_size, size=size, xp=np)
    assert stream[batch_size : 2 * batch_size].tolist() == on_device.tolist()[: len(stream) - batch_size]


dtypes = st.sampled_from(["float32", "float16", "bfloat16", "int32", "uint8", "int8", "bool"])
shapes = npst.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=5)
names = st.text(alphabet="abcdefgh_0", min_size=1, max_size=6)


@st.composite
def arrays(draw):
    shape, dtype = draw(shapes), draw(dtypes)
    content = draw(npst.arrays(np.int8, shape, elements=st.integers(-100, 100)))
    return jnp.asarray(content).astype(dtype)


trees = st.dictionaries(
    names, st.one_of(arrays(), st.dictionaries(names, arrays(), min_size=1, max_size=3)), min_size=1
)


@pytest.mark.slow
@few
@given(trees, st.integers(0, 10**9))
def test_any_pytree_comes_back_bit_for_bit(tree, step):
    with tempfile.TemporaryDirectory() as folder, Checkpoints(Path(folder)) as checkpoints:
        checkpoints.save(step, tree)
        restored = checkpoints.restore(tree)
        assert checkpoints.notes == []

    def same(one, other):
        if isinstance(one, dict):
            assert one.keys() == other.keys()
            for name in one:
                same(one[name], other[name])
        else:
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes()

    same(tree, restored)


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x04\x00\x00\x00\x04\x08\x00\x00\x00\x00"
HEADERS = [
    b"",
    PNG,
    b"GIF89a\x04\x00\x04\x00",
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    b"BM",
    b"II*\x00",
    b"RIFF",
    b"P5 4 4 255 ",
]


@quick
@given(
    st.sampled_from(HEADERS),
    st.binary(max_size=200),
    st.sampled_from(["png", "gif", "jpg", "bmp", "tif", "pgm"]),
)
def test_random_bytes_are_a_picture_or_are_skipped(header, content, suffix):
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "not a picture.npy", np.zeros(3))
        (Path(folder) / f"a.{suffix}").write_bytes(header + content)
        (Path(folder) / "b.pgm").write_bytes(b"P5 2 2 255 " + bytes([1, 2, 3, 4]))
        found = data.load(folder, image_size=(2, 2), channels=1)
        assert len(found.images) + len(found.notes) == 3
        assert "1 file is no picture that is read here (.npy)" in found.notes
        assert found.images[-1].ravel().tolist() == [1, 2, 3, 4]
