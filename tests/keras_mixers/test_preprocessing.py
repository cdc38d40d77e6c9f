"""Evaluation images."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_mixers.preprocessing import ImageError, load_image, resize_and_crop

SIZES = st.integers(1, 70)
CROPS = st.sampled_from([0.875, 0.9, 0.96, 1.0, 0.7, 1 / 3])


def noise(width: int, height: int, channels: int = 3) -> np.ndarray:
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, channels))
    return pixels.astype(np.uint8)


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@settings(max_examples=150)
@given(SIZES, SIZES, st.integers(1, 40), CROPS, st.sampled_from(["bicubic", "bilinear"]))
def test_as_torchvision(width: int, height: int, side: int, crop: float, kind: str) -> None:
    """Resize(floor(side / crop)) and CenterCrop(side), worked out on arrays."""
    image = Image.fromarray(noise(width, height))
    short, long = sorted((width, height))
    new_short = math.floor(side / crop)
    new_long = int(new_short * long / short)
    new_size = (new_short, new_long) if width <= height else (new_long, new_short)
    resized = np.asarray(image.resize(new_size, getattr(Image.Resampling, kind.upper())))
    left, top = (round((length - side) / 2) for length in new_size)
    expected = resized[top : top + side, left : left + side]
    np.testing.assert_array_equal(resize_and_crop(image, (side, side), crop, kind), expected)


@pytest.mark.parametrize("kind", ["bicubic", "bilinear"])
def test_resize_is_antialiased(kind: str) -> None:
    """Pillow's filters are those of PyTorch's antialiased ones, up to its rounding."""
    pixels = noise(150, 100)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float(),
        size=(32, 48),
        mode=kind,
        antialias=True,
    )
    expected = expected.clamp(0, 255).round()[0].permute(1, 2, 0).numpy()[:, 8:40]
    actual = resize_and_crop(Image.fromarray(pixels), (32, 32), 1.0, kind)
    assert np.abs(actual - expected).max() <= 1


@pytest.mark.parametrize(("long", "first"), [(233, 4), (235, 6), (226, 1), (224, 0)])
def test_odd_margins_are_halved_to_even(long: int, first: int) -> None:
    ramp = np.tile(np.arange(long, dtype=np.uint8), (224, 1))
    assert resize_and_crop(Image.fromarray(ramp), (224, 224))[0, 0, 0] == first
    assert resize_and_crop(Image.fromarray(ramp.T.copy()), (224, 224))[0, 0, 0] == first


@pytest.mark.parametrize(
    ("size", "crop", "resized", "corner"),
    [
        ((20, 60), 1.0, (60, 30), (0, 5)),  # The width decides.
        ((40, 60), 1.0, (80, 40), (10, 0)),  # The height decides.
        ((20, 60), 0.5, (120, 60), (30, 20)),
    ],
)
def test_other_shapes_are_covered(
    size: tuple[int, int], crop: float, resized: tuple[int, int], corner: tuple[int, int]
) -> None:
    image = Image.fromarray(noise(100, 50))
    left, top = corner
    expected = np.asarray(image.resize(resized, Image.Resampling.BICUBIC))
    expected = expected[top : top + size[0], left : left + size[1]]
    np.testing.assert_array_equal(resize_and_crop(image, size, crop), expected)


@settings(max_examples=100)
@given(SIZES, SIZES, st.integers(1, 40), st.integers(1, 40), CROPS)
def test_no_border_is_added(width: int, height: int, rows: int, columns: int, crop: float) -> None:
    white = Image.new("L", (width, height), 255)
    pixels = resize_and_crop(white, (rows, columns), crop)
    assert pixels.shape == (rows, columns, 1)
    assert pixels.dtype == np.uint8
    assert pixels.min() == 255


@pytest.mark.parametrize("crop", [1e-9, 1e-300, 1e-320])
def test_a_crop_of_next_to_nothing_is_refused(crop: float) -> None:
    with pytest.raises(
        ValueError, match=rf"crop must be at least 3e-08 for \(4, 4\); received {crop}"
    ):
        resize_and_crop(Image.new("RGB", (9, 9)), (4, 4), crop)


def test_resize_refuses() -> None:
    image = Image.new("RGB", (9, 9))
    with pytest.raises(ValueError, match="mode L or RGB; received 'P'; use load_image"):
        resize_and_crop(image.convert("P"), (4, 4))
    with pytest.raises(ValueError, match=r"size must be .* at least 1; received \(0, 4\)"):
        resize_and_crop(image, (0, 4))
    for crop in (0, 1.1, -1, float("nan")):
        with pytest.raises(ValueError, match=f"crop must be above 0 .* received {crop}"):
            resize_and_crop(image, (4, 4), crop)
    with pytest.raises(ValueError, match="one of bicubic, bilinear; received 'nearest'"):
        resize_and_crop(image, (4, 4), interpolation="nearest")
    with pytest.raises(ImageError, match="1 x 60000 pixels would become 224 x 13440000 when"):
        resize_and_crop(Image.new("L", (1, 60000)), (224, 224))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = noise(5, 3)
    # What EXIF calls 1 to 8, as the way from the stored to the upright image.
    turns = [
        lambda x: x,
        lambda x: x[:, ::-1],
        lambda x: x[::-1, ::-1],
        lambda x: x[::-1],
        lambda x: x.transpose(1, 0, 2),
        lambda x: np.rot90(x, -1),
        lambda x: x[::-1, ::-1].transpose(1, 0, 2),
        lambda x: np.rot90(x),
    ]
    back = {6: 8, 8: 6}.get(orientation, orientation)
    stored = np.ascontiguousarray(turns[back - 1](upright))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(load_image(tmp_path / "turned.png")), upright)


def test_damaged_exif_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "odd.png"
    Image.fromarray(noise(5, 3)).save(path, exif=b"Exif\x00\x00no TIFF at all")
    np.testing.assert_array_equal(np.asarray(load_image(path)), noise(5, 3))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_grey_or_colour(tmp_path: Path, mode: str) -> None:
    kind = {"CMYK": "jpg", "YCbCr": "jpg"}.get(mode, "png")
    path = tmp_path / f"image.{kind}"
    Image.new("RGB", (4, 3), (255, 255, 255)).convert(mode).save(path)
    for channels, name in ((1, "L"), (3, "RGB")):
        loaded = load_image(path, channels)
        assert (loaded.mode, loaded.size) == (name, (4, 3))
        assert np.asarray(loaded).min() == 255


def test_transparency_is_dropped(tmp_path: Path) -> None:
    pixels = noise(4, 3, 4)
    pixels[..., 3] = 0
    Image.fromarray(pixels).save(tmp_path / "clear.png")
    loaded = np.asarray(load_image(tmp_path / "clear.png"))
    np.testing.assert_array_equal(loaded, pixels[..., :3])

    palette = Image.fromarray(noise(4, 3)).quantize(4)
    palette.info["transparency"] = bytes([0, 9, 255, 30])
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(
        np.asarray(load_image(tmp_path / "palette.png")),
        np.asarray(palette.convert("RGBA"))[..., :3],
    )


def test_sixteen_bits_keep_the_higher_eight(tmp_path: Path) -> None:
    deep = np.array([[0, 255, 256, 0x7FFF, 0xFFFF]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    for channels in (1, 3):
        loaded = np.asarray(load_image(tmp_path / "deep.png", channels))
        assert loaded.reshape(5, -1)[:, 0].tolist() == [0, 0, 1, 127, 255]


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 3), shade) for shade in (0, 255)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert np.asarray(load_image(tmp_path / "two.gif", 1)).max() == 0


def test_load_refuses(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no image file '.*missing\.jpg'"):
        load_image(tmp_path / "missing.jpg")
    with pytest.raises(FileNotFoundError, match="no image file"):
        load_image(tmp_path)
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(
        ImageError, match=r"text\.jpg is not an image in a format that Pillow knows"
    ):
        load_image(tmp_path / "text.jpg")
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=r"empty\.png is empty; copy it again"):
        load_image(tmp_path / "empty.png")
    Image.fromarray(np.ones((3, 4), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ImageError, match=r"float\.tif can't be read .*mode F have no known range"):
        load_image(tmp_path / "float.tif")
    with pytest.raises(ValueError, match="1 or 3 channels; received 4"):
        load_image(tmp_path / "float.tif", 4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_image_is_an_error_of_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cut.image"
    whole = encoded(noise(32, 24), kind)
    path.write_bytes(whole)
    assert load_image(path).size == (32, 24)
    for length in range(0, len(whole) - 20, 53):
        path.write_bytes(whole[:length])
        with pytest.raises(ImageError, match=r"cut\.image") as caught:
            load_image(path)
        assert "\n" not in str(caught.value)


@settings(max_examples=150)
@given(
    st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"]),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_a_damaged_image_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, damage: list[tuple[float, int]]
) -> None:
    content = bytearray(encoded(noise(16, 12), kind))
    for where, value in damage:
        content[int(where * len(content))] = value
    path = tmp_path_factory.mktemp("damage") / "image"
    path.write_bytes(content)
    try:
        assert load_image(path).mode == "RGB"
    except ImageError as error:
        assert str(path) in str(error)  # noqa: PT017  Either outcome is right; no other error is.
