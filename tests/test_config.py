import dataclasses
import json
import math
import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan import config
from jaxgan.config import INFO, Config
from jaxgan.names import FAMILIES
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
    "ema_half_life": [-1.0, NAN, INF],
    "ema_ramp": [0.0],
    "generator_batch": [0],
    "penalty_weight": [-1.0, NAN, INF],
    "penalty_every": [0, -1],
    "gradient_clip": [0.0, NAN, INF],
    "augment_p": [-0.1, 1.1, NAN],
    "final_augment_p": [-0.1, 1.1],
    "final_beta2": [1.0],
    "final_learning_rate_share": [-0.1, INF],
    "final_penalty_weight": [-1.0, NAN],
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


@pytest.mark.parametrize("schedule", ["linear", "cosine", "half_cosine_burn_in"])
@pytest.mark.parametrize(
    ("final", "lacking", "with_what"),
    [
        ({"final_learning_rate_share": 0.25}, {}, ""),
        ({"final_beta2": 0.99}, {"optimizer": "sgd"}, "`optimizer` sgd: it needs adam or optimistic_adam"),
        ({"final_penalty_weight": 0.1, "penalty": "r1"}, {"penalty": "none"}, "`penalty` none"),
        ({"final_augment_p": 0.5, "augment": "bgc"}, {"augment": "color"}, "`augment` color: it needs bgc"),
    ],
)
def test_a_final_value_needs_a_schedule_and_what_it_is_a_value_of(final, lacking, with_what, schedule):
    name, length = next(iter(final)), {"learning_rate_schedule": schedule, "decay_steps": 10}
    Config(**final, **length).check()
    with pytest.raises(UserError, match=f"`{name}` .* has no effect with `learning_rate_schedule` constant$"):
        Config(**final).check()
    if lacking:
        with pytest.raises(UserError, match=f"`{name}` .* has no effect with {with_what}$"):
            Config(**{**final, **lacking}, **length).check()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"ema_half_life": 500.0, "ema_decay": 0.99},
            "`ema_decay` 0.99 has no effect with `ema_half_life` 500",
        ),
        ({"ema_ramp": 0.1}, "`ema_ramp` 0.1 has no effect with `ema_half_life` None: it needs a value$"),
        ({"final_ema_half_life": 9.0}, "`final_ema_half_life` 9.0 has no effect with `ema_half_life` None"),
        ({"ema_half_life": 9.0, "final_ema_half_life": 9.0}, "`learning_rate_schedule` constant$"),
    ],
)
def test_an_average_has_a_decay_or_a_half_life(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        Config(**changes).check()


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
    old = Config(augment="color,bgc", augment_p=0.3).settings() | {"augment": ["color", "ada"]}
    new = Config(augment="color,ada", augment_p=0.3).check()
    assert config.upgrade(old) == new.settings() == Config(augment=("color", "bgc"), augment_p=0.3).settings()


def test_every_practical_field_exists():
    assert {"own_data", *(field.name for field in dataclasses.fields(Config))} >= config.PRACTICAL


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
    for field in (field for field in dataclasses.fields(Config) if field.name in INFO):
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


VALUES = [  # what a caller may write, and what it means
    ("data", Path("pics"), "pics"),
    ("workdir", Path("runs/x"), "runs/x"),
    ("steps", np.int64(4), 4),
    ("steps", 1e4, 10_000),
    ("steps", "1e4", 10_000),
    ("steps", jnp.array(5), 5),
    ("evaluate_every", np.float64(100), 100),
    ("generator_learning_rate", np.float32(1e-3), 1e-3),
    ("beta1", "0.5", 0.5),
    ("image_size", 32, (32, 32)),
    ("image_size", [32, 48], (32, 48)),
    ("image_size", np.array([32, 48]), (32, 48)),
    ("image_size", "32x48", (32, 48)),
    ("devices", np.int32(1), 1),
    ("devices", "2", 2),
    ("metrics", ["fid", "kid"], ("fid", "kid")),
    ("metrics", "fid, kid", ("fid", "kid")),
    ("augment", None, ()),
    ("penalty", None, "none"),
    ("hidden", 128, (128,)),
    ("hidden", [64, 32], (64, 32)),
    ("conditional", np.True_, True),
    ("inception_weights", Path("w.pth"), "w.pth"),
]


@pytest.mark.parametrize(("name", "value", "meaning"), VALUES)
def test_values_with_one_meaning_are_converted(name, value, meaning):
    converted = getattr(Config(**{name: value}), name)
    assert (converted, type(converted)) == (meaning, type(meaning))
    json.dumps(Config(**{name: value}).settings())


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("steps", 2.5, "`steps` is a whole number, got 2.5 (float)"),
        ("steps", True, "`steps` is a whole number, got True (bool)"),
        ("steps", math.nan, "`steps` is a whole number, got nan (float)"),
        ("steps", "many", "`steps` is a whole number, got 'many' (str)"),
        ("steps", [4], "`steps` is a whole number, got [4] (list)"),
        ("beta1", "half", "`beta1` is a number, got 'half' (str)"),
        ("conditional", 1, "`conditional` is True or False, got 1 (int)"),
        ("data", None, "`data` is a text, got None (NoneType)"),
        ("data", b"x", "`data` is a text, got b'x' (bytes)"),
        (
            "image_size",
            (1, 2, 3),
            "`image_size` is a whole number or 2 whole numbers or None, got (1, 2, 3) (tuple)",
        ),
        ("image_size", "big", "`image_size` is H or HxW in pixels, such as 32 or 32x48, got big"),
        ("devices", "some", "`devices` is a whole number or all, got 'some' (str)"),
        ("metrics", {"fid": 3}, "`metrics` is several texts, got {'fid': 3} (dict)"),
        ("network", object, f"`network` is a text ({', '.join(FAMILIES)}), got <class 'object'> (type)"),
    ],
)
def test_other_values_are_refused_in_a_sentence(name, value, sentence):
    with pytest.raises(UserError) as caught:
        Config(**{name: value})
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("name", "value", "meaning"),
    [
        ("loss", "Non Saturating", "non_saturating"),
        ("network", "DCGAN", "dcgan"),
        ("penalty", "R1-R2", "r1_r2"),
        ("precision", "BFloat16", "bfloat16"),
        ("optimizer", "RMSprop", "rmsprop"),
        ("augment", ("Color", "cut-out"), ("color", "cutout")),
        ("augment", "ADA", ("bgc",)),
    ],
)
def test_names_are_found_whatever_their_case_and_hyphens(name, value, meaning):
    assert getattr(Config(**{name: value}).check(), name) == meaning


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("loss", "lsgan", "did you mean least_squares?"),
        ("loss", "hing", "did you mean hinge?"),
        ("augment", "diffaugment", "did you mean color,translation,cutout?"),
        ("penalty", "gp", "did you mean gradient_penalty?"),
    ],
)
def test_common_names_of_other_libraries_get_a_hint(name, value, hint):
    with pytest.raises(UserError, match=re.escape(hint)):
        Config(**{name: value}).check()
