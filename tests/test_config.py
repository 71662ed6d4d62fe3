import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan import config
from jaxgan.config import INFO, Config
from jaxgan.system.command_line import parse as parse_line
from jaxgan.system.errors import UserError

NAN, INF = float("nan"), float("inf")
BAD = {
    "steps": [0, -5],
    "batch_size": [0, -1],
    "d_steps": [0],
    "width": [0],
    "latent_dim": [0],
    "log_every": [0],
    "sample_every": [-1],
    "save_every": [0],
    "keep": [0],
    "generator_learning_rate": [0.0, -1e-4, NAN, INF],
    "discriminator_learning_rate": [0.0, NAN],
    "beta1": [1.0, -0.1, NAN],
    "beta2": [1.0],
    "ema_decay": [1.0, NAN],
    "penalty_weight": [-1.0, NAN, INF],
    "gradient_clip": [0.0, NAN, INF],
    "augment_p": [-0.1, 1.1, NAN],
    "decay_steps": [0],
    "seed": [-1, 2**32],
}


def test_the_defaults_are_allowed():
    assert Config().check() == Config()


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in BAD for value in BAD[field]])
def test_a_value_out_of_range_is_named_with_its_option(field, value):
    with pytest.raises(UserError, match=rf"`{field}` must be .*, got {value}"):
        Config(**{field: value}).check()


def test_a_schedule_needs_its_own_length():
    with pytest.raises(UserError, match="cosine learning rate needs `decay_steps`"):
        Config(learning_rate_schedule="cosine").check()
    Config(learning_rate_schedule="cosine", decay_steps=10).check()


def test_the_stream_of_images_is_limited_to_what_its_index_can_count():
    with pytest.raises(UserError, match=r"2\*\*32"):
        Config(steps=2**24, batch_size=128, d_steps=2).check()


@pytest.mark.parametrize("field", [name for name, info in INFO.items() if info.choices and not info.multiple])
def test_an_unknown_name_comes_with_the_nearest_and_the_list(field):
    known = list(INFO[field].choices)
    with pytest.raises(UserError) as caught:
        Config(**{field: known[0] + "x"}).check()
    message = str(caught.value)
    assert message.startswith(f"`{field}` {known[0]}x is unknown: did you mean {known[0]}?")
    assert ", ".join(known) in message


def test_hyphens_and_underscores_are_the_same():
    assert Config(loss="non-saturating").check().loss == "non_saturating"


def test_the_older_name_of_an_augmentation_is_understood_and_its_runs_go_on():
    old = dataclasses.asdict(Config(augment="color,bgc", augment_p=0.3)) | {"augment": ["color", "ada"]}
    new = Config(augment="color,ada", augment_p=0.3).check()
    assert (
        config.upgrade(old)
        == dataclasses.asdict(new)
        == dataclasses.asdict(Config(augment=("color", "bgc"), augment_p=0.3))
    )


def test_every_practical_field_exists():
    assert {field.name for field in dataclasses.fields(Config)} >= config.PRACTICAL


def parse(*args):
    return parse_line(Config(), description="Test.", args=args)


@settings(max_examples=5, deadline=None)
@given(steps=st.integers(1, 10**6), rate=st.floats(1e-9, 1.0), clip=st.none() | st.floats(0.1, 9.0))
def test_the_command_line_sets_what_it_says(steps, rate, clip):
    got = parse(
        "--steps",
        str(steps),
        "--generator-learning-rate",
        repr(rate),
        "--gradient-clip",
        str(clip),
        "--conditional",
    )
    assert got == Config(steps=steps, generator_learning_rate=rate, gradient_clip=clip, conditional=True)


def test_help_lists_every_option_with_its_default(capsys):
    with pytest.raises(SystemExit) as caught:
        parse("--help")
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for field in dataclasses.fields(Config):
        name = config.option(field.name)
        assert name in text
        if field.type in (int, float, str, "int", "float", "str"):
            assert f"(default: {field.default})" in text or f"default: {field.default}" in text, name


def test_an_unknown_option_is_refused_with_a_suggestion(capsys):
    with pytest.raises(SystemExit) as caught:
        parse("--batchsize", "3")
    assert caught.value.code == 2
    assert "--batch-size" in capsys.readouterr().err


def test_a_home_behind_an_equals_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    given = ["--workdir=~/run", "--data=~nobody-has-this-name/pictures"]
    read = parse_line(Config(), description="", args=given)
    assert (read.workdir, read.data) == (f"{tmp_path}/run", "~nobody-has-this-name/pictures")
