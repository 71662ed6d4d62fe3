"""Rows 5, 6 and 7: what is in the checkpoint folder is not what was written."""

import gc
import json
import random
import shutil
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import cli
from jaxgan.run import checkpoint
from jaxgan.run.checkpoint import Checkpoints, read, steps_in
from jaxgan.run.checksums import DamagedError, seal, unseal
from jaxgan.system.errors import UserError
from tiny_runs import tiny, train_tiny

FIXTURE = Path(__file__).parent / "checkpoints_of_format_2"
RNG = np.random.default_rng(0)
OLD, NEW = (
    {"a": {"kernel": jnp.array(RNG.normal(size=(40, 30)), jnp.float32)}, "count": jnp.int32(n)}
    for n in (1, 2)
)


def same(one, other):
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in leaves)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(1, OLD)
        checkpoints.save(2, NEW)
    return folder


BITS = random.Random(0)


def flip(path, generator=BITS):
    content = bytearray(path.read_bytes())
    content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    path.write_bytes(content)


SPOILS = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "flipped": flip,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "kinds", [[*SPOILS], *(pytest.param([kind], id=kind, marks=pytest.mark.long) for kind in SPOILS)]
)
def test_a_spoilt_file_is_found_or_harmless_never_silent(sound, tmp_path, kinds):
    """Every file of the newest checkpoint in turn, by one kind or by all in turn."""
    files = [path.relative_to(sound) for path in (sound / "2").rglob("*") if path.is_file()]
    found = 0
    for i, file in enumerate(files):
        folder = tmp_path / str(i)
        shutil.copytree(sound, folder)
        SPOILS[kinds[i % len(kinds)]](folder / file)
        with Checkpoints(folder) as checkpoints:
            restored = checkpoints.restore(NEW)
            notes = checkpoints.notes
        assert same(restored, OLD if notes else NEW), file
        if notes:
            found += 1
            assert "checkpoint 2 is damaged" in notes[0]
            assert "kept as corrupt-2, not used" in notes[0]
            assert (folder / "corrupt-2").is_dir()
            assert steps_in(folder) == [1]
        shutil.rmtree(folder)
    assert found >= 4


@pytest.mark.long
def test_a_thousand_flipped_bits(sound, tmp_path):
    files = [path for path in (sound / "2").rglob("*") if path.is_file()]
    generator = random.Random(1)
    for _ in range(1000):
        shutil.copytree(sound / "2", tmp_path / "2")
        flip(tmp_path / generator.choice(files).relative_to(sound), generator)
        try:
            leaves = read(tmp_path / "2")
        except DamagedError:
            pass
        else:
            assert same(leaves, {"a/kernel": NEW["a"]["kernel"], "count": NEW["count"]})
        shutil.rmtree(tmp_path / "2")


def test_swapped_checkpoints_are_found(sound, tmp_path):
    folder = tmp_path / "swapped"
    for one, other in (("1", "2"), ("1/state", "2/state")):
        shutil.copytree(sound, folder)
        for path, name in ((one, "aside"), (other, one), ("aside", other)):
            (folder / path).rename(folder / name)
        with Checkpoints(folder) as checkpoints, pytest.raises(UserError, match=r"no checkpoint .* is sound"):
            checkpoints.restore(NEW)
        assert sorted(steps_in(folder)) == [1, 2]  # where none is sound, none is renamed
        shutil.rmtree(folder)


@pytest.mark.parametrize("description", [[], {"format_version": 2, "leaves": 3}, {"step": 1}, "nested"])
def test_a_description_that_makes_no_sense_is_damage(sound, tmp_path, description):
    folder = shutil.copytree(sound / "1", tmp_path / "1")
    text = "[" * 200_000 if description == "nested" else json.dumps(seal(dict(description)))
    (folder / "meta/metadata").write_text(text)
    with pytest.raises(DamagedError, match="description cannot be read"):
        read(folder)


def test_a_checkpoint_that_the_run_removes_during_a_check_is_not_unsound(
    sound, tmp_path, monkeypatch, capsys
):
    shutil.copytree(sound, tmp_path / "checkpoints")

    def removed(folder):
        if folder.name == "1":
            shutil.rmtree(folder)
            raise DamagedError("its arrays cannot be read")
        return {}

    monkeypatch.setattr(checkpoint, "read", removed)
    cli.main(["check", str(tmp_path)])
    assert "1  was removed by the run" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_goes_on_from_the_checkpoint_before_with_the_same_numbers(tmp_path, capsys):
    whole = train_tiny(tiny(tmp_path / "whole")).state
    train_tiny(tiny(tmp_path / "run", steps=9))
    for path in (tmp_path / "run/checkpoints/9").rglob("d/*"):
        if path.stat().st_size > 1000:  # numbers, and Orbax's other copy of them
            flip(path)
    with pytest.raises(SystemExit) as caught:
        cli.main(["check", str(tmp_path / "run")])
    assert caught.value.code == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in said[-3:]] == [["4", "sound,"], ["8", "sound,"], ["9", "NOT"]]
    result = train_tiny(tiny(tmp_path / "run"))
    out = capsys.readouterr().out
    assert "checkpoint 9 is damaged" in out
    assert "goes on at step 8" in out
    assert same(result.state, whole)
    cli.main(["check", str(tmp_path / "run")])
    assert "corrupt-9  was set aside" in capsys.readouterr().out


@pytest.mark.long
def test_reads_that_outlive_a_failed_one_print_nothing(tmp_path, monkeypatch):
    """Orbax reads the arrays at once; when one fails, the others report a closed event loop, in threads."""
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", reported.append)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {f"{i}": jnp.array(RNG.normal(size=(100, 300))) for i in range(20)})
    file = max((tmp_path / "1").rglob("d/*"), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[:1000])
    for _ in range(2):
        with pytest.raises(DamagedError, match="cannot be read"):
            read(tmp_path / "1")
    gc.collect()
    assert reported == []


def test_strange_folders_are_left_alone(tmp_path):
    for name in ("7", "notes", "99", "3", "20.orbax-checkpoint-tmp-1", "corrupt-5"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("years of work")
    (tmp_path / "8").write_text("a file")
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        assert checkpoints.latest_step() is None
        for step in (1, 2, 3, 4):
            checkpoints.save(step, NEW)
        assert same(checkpoints.restore(NEW), NEW)
    assert steps_in(tmp_path) == [4]
    kept = sorted(path.parent.name for path in tmp_path.rglob("thesis.txt"))
    assert kept == ["7", "99", "corrupt-3", "corrupt-5", "notes"]  # only Orbax's own leftovers are cleaned
    assert (tmp_path / "8").read_text() == "a file"


def test_todays_format_loads_for_ever():
    """The folder was written once by `make_fixture` below; it is never written again."""
    leaves = read(FIXTURE / "3")
    assert {name: (str(leaf.dtype), leaf.shape) for name, leaf in leaves.items()} == {
        "bits": ("bool", (3,)),
        "ema/params/Dense_0/kernel": ("bfloat16", (2, 3)),
        "generator/params/Dense_0/kernel": ("float32", (2, 3)),
        "step": ("int32", ()),
    }
    assert leaves["step"] == 3
    assert leaves["bits"].tolist() == [True, False, True]
    for player in ("generator", "ema"):
        np.testing.assert_array_equal(
            leaves[f"{player}/params/Dense_0/kernel"], np.arange(6).reshape(2, 3) / 4
        )


def make_fixture():
    """``python -c "import test_faults_corruption as t; t.make_fixture()"``, once for each format."""
    kernel = jnp.arange(6.0).reshape(2, 3) / 4
    params = {"params": {"Dense_0": {"kernel": kernel}}}
    with Checkpoints(FIXTURE) as checkpoints:
        checkpoints.save(
            3,
            {
                "step": jnp.int32(3),
                "generator": params,
                "ema": jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params),
                "bits": jnp.array([True, False, True]),
            },
        )


def test_another_format_is_refused_not_guessed(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "run")
    file = tmp_path / "run/2/meta/metadata"
    meta = unseal(json.loads(file.read_text()))
    file.write_text(json.dumps(seal({**meta, "format_version": 3})))
    with Checkpoints(tmp_path / "run") as checkpoints, pytest.raises(UserError, match="has format 3"):
        checkpoints.restore(NEW)
    assert sorted(steps_in(tmp_path / "run")) == [1, 2]


def test_another_model_is_refused_leaf_by_leaf_and_nothing_is_renamed(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "run")
    other = {"a": {"kernel": jnp.zeros((40, 30), jnp.bfloat16)}, "count": jnp.int32(0), "more": jnp.zeros(2)}
    with (
        Checkpoints(tmp_path / "run") as checkpoints,
        pytest.raises(
            UserError, match=r"a/kernel is float32\[40, 30\], not bfloat16\[40, 30\]; more is missing"
        ),
    ):
        checkpoints.restore(other)
    assert sorted(steps_in(tmp_path / "run")) == [1, 2]
