import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan.networks import sizes
from jaxgan.system.errors import UserError


@pytest.mark.parametrize(
    ("size", "count"), [((32, 32), 3), ((28, 28), 2), ((48, 64), 3), ((8, 8), 1), ((6, 6), 0), ((27, 32), 0)]
)
def test_sides_are_halved_together_down_to_four_pixels(size, count):
    assert sizes.halvings(*size) == count


@settings(deadline=None, max_examples=60)
@given(height=st.integers(1, 600), width=st.integers(1, 600))
def test_the_advice_for_a_size_is_a_size_that_works(height, width):
    try:
        assert sizes.require_halvings("a network", (height, width, 3)) >= 1
    except UserError as error:
        assert sizes.halvings(height, width) == 0
        advice = str(error).partition("`image_size` ")[2]
        if advice:
            better = tuple(map(int, advice.split("x")))
            assert sizes.halvings(*better) >= 1
            assert sizes.note_on("a network", *better) is None


def test_the_note_on_a_large_base_names_a_size_with_a_small_one():
    note = sizes.note_on("a ResNet", 418, 418)
    assert note == (
        "images of 418x418 make a ResNet with a large first layer, as its features begin at 209x209: "
        "with `image_size` 416x416 they begin at 13x13"
    )
    assert sizes.note_on("a ResNet", 416, 416) is None
