"""Pickles are followed and never run, whatever they say, and hold no more than they claim."""

import collections
import io
import os
import pickle
import struct

import pytest

from jaxgan.inert import Call, Name, Program, entries_of
from jaxgan.inert.pickles import bytes_of

PLAIN = {
    "numbers": [0, -1, 255, 2**16, -(2**31), 2**70, -(2**2100), 1.5, True, False, None],
    "texts": ("", "ä€😀", "line\nbreak", b"", b"\x00\xff" * 200, "x" * 300),
    "nested": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, {1: {2: [3]}}],
    "ordered": collections.OrderedDict(a=1, b=[2]),
}


def follow(content, **options):
    return Program(**options).follow(io.BytesIO(content))


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_of_every_protocol_is_what_pickle_makes_of_it(protocol):
    content = pickle.dumps(PLAIN, protocol)
    found = follow(content)
    found["texts"] = tuple(  # protocols below 3 make bytes by a call
        bytes_of(text) if isinstance(text, Call) else text for text in found["texts"]
    )
    assert found == pickle.loads(content)


class Harm:
    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


class Stateful:
    def __init__(self):
        self.weight = 3

    def __setstate__(self, state):
        raise AssertionError("was run")


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_stays_a_record(tmp_path, protocol):
    content = pickle.dumps([Harm(os.mkdir, (str(tmp_path / "marker"),)), Stateful()], protocol)
    call, made = follow(content)
    assert call.calls("posix.mkdir")
    assert call.arguments == (str(tmp_path / "marker"),)
    assert entries_of(made.state) == {"weight": 3}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "function", "arguments"),
    [
        (b"(S'touch x'\niposix\nsystem\n.", "posix.system", ("touch x",)),
        (b"(cposix\nsystem\nS'touch x'\no.", "posix.system", ("touch x",)),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01x\x85R.", "posix.system", ("x",)),
        (b"\x80\x04cposix\nsystem\n)}\x92.", "posix.system", ((), {})),
        (b"cposix\nsystem\n)\x81.", "posix.system", ()),
    ],
)
def test_every_instruction_that_calls_makes_a_record(content, function, arguments):
    call = follow(content)
    assert call.calls(function)
    assert call.arguments == arguments


def test_what_fills_an_object_is_kept_beside_it():
    call = follow(b"\x80\x02cm\nThing\n)R(K\x01K\x02e(X\x01\x00\x00\x00aK\x03uK\x04b.")
    assert call.items == [1, 2]
    assert entries_of(call) == {"a": 3}
    assert call.state == 4
    assert call.function == Name("m", "Thing")


def test_nested_keys_are_not_hashed():
    assert list(follow(b"}((K\x01ttK\x02s.").values()) == [2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "STOP"),
        (b"\xff\xd8\xff", "unknown"),
        (b"\x80\x04.", "damaged"),
        (b"K\x01", "STOP"),
        (b"0.", "damaged"),
        (b"(0t.", "damaged"),
        (b"(a.", "damaged"),
        (b"h\x05.", "damaged"),
        (b"K\x01K\x02s.", "damaged"),
        (b"(K\x01d.", "damaged"),
        (b"K\x01K\x02\x93.", "damaged"),
        (b"K\x01K\x02b.", "damaged"),
        (b"ccollections\nOrderedDict\nK\x01\x85R.", "damaged"),
        (b"\x82\x01.", "EXT1"),
        (b"\x97.", "NEXT_BUFFER"),
        (b"Pid\n.", "outside of itself"),
        (b"K\x01Q.", "outside of itself"),
        (b"\x8e" + struct.pack("<Q", 2**62) + b"x", "bytes"),
        (b"\x8e" + struct.pack("<Q", 2**63) + b"x", "exceeds|too large|bytes"),
        (b"B" + struct.pack("<I", 2**32 - 1) + b"x", "bytes"),
        (b"X" + struct.pack("<I", 2**32 - 1) + b"x", "string|bytes"),
        (b"\x8b" + struct.pack("<i", 2**31 - 1) + b"x", "long4"),
        (b"I" + b"9" * 5000 + b"\n.", "limit|digits"),
        (b"K\x01" + b"2" * 100 + b".", "more than 50 instructions"),
    ],
)
def test_nonsense_is_refused_by_a_sentence(content, reason):
    with pytest.raises(ValueError, match=reason):
        follow(content, limit=50)


def test_every_truncation_is_refused():
    content = pickle.dumps(PLAIN, 4)
    for length in range(len(content)):
        with pytest.raises(ValueError, match=r"."):
            follow(content[:length])


@pytest.mark.parametrize("wrap", [b"\x85", b"N\x86", b"]K\x01a0\x85"])
def test_depth_costs_nothing(wrap):
    assert follow(b"N" + wrap * 20_000 + b".") is not None


def test_dictionaries_of_one_list_do_not_multiply():
    pairs = b"](" + b"K\x01K\x02\x86" * 50 + b"e\x85q\x00"
    content = pairs + b"ccollections\nOrderedDict\nh\x00R0" * 20 + b"N."
    with pytest.raises(ValueError, match="more than 1,000 instructions"):
        follow(content, limit=1000)
    assert follow(content, limit=2000) is None


def test_a_circle_is_followed_once():
    (inner,) = circle = follow(b"]q\x00h\x00a.")
    assert inner is circle
