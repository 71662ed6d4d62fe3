"""jaxgan translate: a folder of pictures in, a folder of images out, and nothing of anybody's overwritten."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import cli, export
from jaxgan.images import to_uint8
from jaxgan.networks.translators import SRResNet
from jaxgan.system.errors import UserError
from jaxgan.translate import translate

RNG = np.random.default_rng(0)
PHOTOGRAPH = RNG.integers(0, 256, (6, 9, 3)).astype(np.uint8)


def export_translator(folder, factor=3.0):
    module = SRResNet(3, 2, 2, 0)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 4, 4, 3)), train=False)
    common = {"image_shape": (8, 8, 3), "latent_dim": 0, "num_classes": None, "step": 7}
    variables = jax.tree.map(lambda x: factor * x + 0.02, variables)
    export.save_generator(folder, module, variables, **common, source_shape=(4, 4, 3))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return export_translator(tmp_path_factory.mktemp("run"))


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    Image.fromarray(PHOTOGRAPH).save(folder / "turned.png", exif=exif)
    Image.fromarray(PHOTOGRAPH).save(folder / "below/small.bmp")
    return folder


def made_of(run, pixels):
    return np.asarray(to_uint8(export.load_translator(run)(pixels[None])))[0]


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_names_are_kept_and_pictures_are_upright(run, pictures, tmp_path):
    before = content(pictures)
    translation = translate(run, pictures, out=tmp_path / "out")
    assert (translation.made, translation.kept, translation.notes) == (2, 0, ())
    files = {path.relative_to(tmp_path / "out").as_posix() for path in content(tmp_path / "out")}
    assert files == {"turned.png", "below/small.png", "translation.json"}
    small = np.asarray(Image.open(tmp_path / "out/below/small.png"))
    assert np.abs(small.astype(int) - made_of(run, PHOTOGRAPH)).max() <= 1
    with Image.open(tmp_path / "out/turned.png") as turned:
        assert turned.getexif().get(0x0112, 1) == 1
        upright = np.ascontiguousarray(np.rot90(PHOTOGRAPH, -1))
        assert np.abs(np.asarray(turned).astype(int) - made_of(run, upright)).max() <= 1
    assert content(pictures) == before


def test_it_goes_on_where_it_stopped(run, pictures, tmp_path):
    out = tmp_path / "out"
    translate(run, pictures, out=out)
    before = content(out)
    (out / "below/small.png").unlink()
    (out / "turned.png").write_bytes(b"as it is")
    translation = translate(run, pictures, out=out)
    assert (translation.made, translation.kept) == (1, 1)
    assert (out / "turned.png").read_bytes() == b"as it is"
    assert content(out)[out / "below/small.png"] == before[out / "below/small.png"]


def test_a_damaged_picture_is_skipped_and_named(run, pictures, tmp_path):
    (pictures / "bad.jpg").write_bytes(b"\xff\xd8\xff damaged")
    translation = translate(run, pictures, out=tmp_path / "out")
    assert translation.made == 2
    assert translation.notes[-1].startswith("1 file skipped: bad.jpg (")


def break_nothing(pictures, out):
    pass


def break_suffix(pictures, out):
    Image.fromarray(PHOTOGRAPH).save(pictures / "turned.bmp")


def break_out(pictures, out):
    out.mkdir()
    (out / "turned.png").write_bytes(b"mine")


def break_record(pictures, out):
    translate(export_translator(out.parent / "other", 2.0), pictures, out=out)


def break_json(pictures, out):
    out.mkdir()
    (out / "translation.json").write_text("{")


def break_all(pictures, out):
    for file in content(pictures):
        file.write_bytes(b"damaged")


@pytest.mark.parametrize(
    ("breaks", "options", "sentence"),
    [
        (break_nothing, {"out": "pictures/out"}, r"`out` .*pictures/out lies inside of .*pictures"),
        (break_nothing, {"out": "pictures"}, r"`out` .*pictures lies inside of"),
        (break_nothing, {"tile": 0}, "`tile` must be at least 1, got 0"),
        (break_nothing, {"out": "run/generator.safetensors"}, "is no folder"),
        (break_suffix, {}, r"turned.bmp and turned.png in .* differ only in their suffix"),
        (break_out, {}, "holds files of these names that no translation wrote, .*: turned.png"),
        (break_record, {}, r"holds images of another translator \(step 7\)"),
        (break_json, {}, "translation.json cannot be read"),
        (break_all, {}, "none of the pictures in .* can be read: below/small.bmp"),
    ],
)
def test_what_cannot_be_translated_is_refused_and_nothing_is_overwritten(
    breaks, options, sentence, run, pictures, tmp_path
):
    breaks(pictures, tmp_path / "out")
    if options.get("out", "").startswith("run"):
        options = {"out": str(run / "generator.safetensors")}
    before = content(tmp_path)
    with pytest.raises(UserError, match=sentence):
        translate(run, pictures, out=tmp_path / options.pop("out", "out"), **options)
    after = content(tmp_path)
    assert {path: after[path] for path in before} == before
    assert {path.name for path in after.keys() - before.keys()} <= {"translation.json"}


def test_a_run_that_does_not_translate_and_no_pictures_are_refused(pictures, tmp_path, run):
    with pytest.raises(UserError, match="there is no run"):
        translate(tmp_path / "nothing", pictures, out=tmp_path / "out")
    with pytest.raises(UserError, match="there is no folder"):
        translate(run, tmp_path / "nothing", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_made(run, pictures, tmp_path, capsys):
    cli.main(["translate", str(run), str(pictures), "--out", str(tmp_path / "out")])
    assert capsys.readouterr().out == f"2 images in {tmp_path / 'out'}\n"
    cli.main(["translate", str(run), str(pictures), "--out", str(tmp_path / "out"), "--tile", "3"])
    assert "0 images in" in (said := capsys.readouterr().out)
    assert "2 were there already" in said
    with pytest.raises(SystemExit) as caught:
        cli.main(["sample", str(run)])
    assert caught.value.code == 2
    assert "jaxgan translate RUN PICTURES" in capsys.readouterr().err


def test_pictures_of_another_folder_do_not_pass_for_those_that_were_translated(run, pictures, tmp_path):
    translate(run, pictures, out=tmp_path / "out")
    pictures.rename(tmp_path / "others")
    before = content(tmp_path)
    with pytest.raises(UserError, match=f"holds images of the pictures in {pictures}, .*name another folder"):
        translate(run, tmp_path / "others", out=tmp_path / "out")
    assert content(tmp_path) == before
    record = json.loads((tmp_path / "out/translation.json").read_text())
    del record["pictures"]  # of an older version
    (tmp_path / "out/translation.json").write_text(json.dumps(record))
    assert translate(run, tmp_path / "others", out=tmp_path / "out").kept == 2
