"""Makers of pictures that are odd or broken in one known way each, for tests of everything that reads pictures.

Each maker writes one file and returns its path; the bytes are made here, so no binary files lie in the repository.
``REFUSED`` and ``ODD`` list them all: the first must be refused with a reason, the second must be read.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Maker = Callable[[Path], Path]


def photo(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """A smooth random RGB picture that survives JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def quadrants(width: int = 64, height: int = 48) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right: shows every turn and flip."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("red", (0, 0, width // 2, height // 2))
    image.paste("lime", (width // 2, 0, width, height // 2))
    image.paste("blue", (0, height // 2, width // 2, height))
    return image


def pixel(image: Image.Image, at: tuple[int, int]) -> tuple[int, int, int]:
    """Red, green and blue at (x, y)."""
    red, green, blue = image.convert("RGB").crop((*at, at[0] + 1, at[1] + 1)).tobytes()
    return red, green, blue


def png_bytes(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width: int, height: int, bit_depth: int, colour_type: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG from raw unfiltered rows (each preceded by its filter byte 0); ``extra`` chunks go before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def exif_bytes(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


# --- to be refused ------------------------------------------------------------------------------------------------


def empty_file(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text_file(path: Path) -> Path:
    path.write_text("これは絵ではない, just words\n" * 20, encoding="utf-8")
    return path


def random_bytes(path: Path) -> Path:
    path.write_bytes(np.random.default_rng(7).bytes(5000).replace(b"\xff\xd8", b"\0\0"))
    return path


def one_pixel_png(path: Path) -> Path:
    Image.new("RGB", (1, 1), "red").save(path, format="PNG")
    return path


def huge_header_png(path: Path, width: int = 50_000, height: int = 50_000) -> Path:
    """A few dozen bytes that claim 2.5 gigapixels."""
    path.write_bytes(raw_png(width, height, 8, 2, b"\0" * 64))
    return path


def huge_header_webp(path: Path) -> Path:
    """A VP8X canvas of 16,777,216 × 255: its reader would allocate 32 GiB while opening."""
    header = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\xff\xff\xff" + (254).to_bytes(3, "little")
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(header) + 64) + b"WEBP" + header + bytes(64))
    return path


def truncated_png(path: Path) -> Path:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = png_bytes(Image.fromarray(noise))
    path.write_bytes(data[: len(data) * 2 // 3])
    return path


def header_only_png(path: Path) -> Path:
    path.write_bytes(png_bytes(photo())[:20])
    return path


def damaged_png(path: Path) -> Path:
    """Bytes in the middle of the pixels are turned over; only decoding can find it."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = bytearray(png_bytes(Image.fromarray(noise)))
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(255 - byte for byte in data[middle : middle + 40])
    path.write_bytes(bytes(data))
    return path


def _cut(format_name: str) -> Maker:
    def make(path: Path) -> Path:
        noise = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, format=format_name)
        data = buffer.getvalue()
        path.write_bytes(data[: len(data) // 2])
        return path

    return make


truncated_jpeg = _cut("JPEG")
truncated_webp = _cut("WEBP")
truncated_avif = _cut("AVIF")
truncated_gif = _cut("GIF")
truncated_bmp = _cut("BMP")
truncated_tiff = _cut("TIFF")


def heic_header(path: Path) -> Path:
    """What a phone calls IMG_0001.jpg."""
    brands = b"heic" + bytes(4) + b"mif1heic"
    path.write_bytes(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(200))
    return path


def float_tiff(path: Path) -> Path:
    Image.fromarray(np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)).save(path, format="TIFF")
    return path


def svg_file(path: Path) -> Path:
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', encoding="utf-8")
    return path


def _bytes(data: bytes) -> Maker:
    def make(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return make


def lying_png(path: Path) -> Path:
    """The header says 4000×4000, the pixels are those of 64×48."""
    path.write_bytes(raw_png(4000, 4000, 8, 2, (b"\0" + bytes(64 * 3)) * 48))
    return path


def png_without_pixels(path: Path) -> Path:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IEND", b""))
    return path


def png_with_wrong_checksum(path: Path) -> Path:
    data = bytearray(png_bytes(photo()))
    data[29] ^= 0xFF  # first byte of the header's CRC
    path.write_bytes(data)
    return path


def _png_with(chunk: bytes) -> Maker:
    def make(path: Path) -> Path:
        data = png_bytes(photo())
        path.write_bytes(data[:33] + chunk + data[33:])  # behind the header
        return path

    return make


text_bomb_png = _png_with(png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000))))
profile_bomb_png = _png_with(png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(20_000_000))))
endless_chunk_png = _png_with(struct.pack(">I4s", 0xFFFFFFF0, b"tEXt"))


def huge_header_jpeg(path: Path) -> Path:
    """A whole small JPEG whose frame header says 65500×65500."""
    buffer = io.BytesIO()
    photo().save(buffer, format="JPEG")
    data = bytearray(buffer.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 65500, 65500)
    path.write_bytes(data)
    return path


def huge_header_bmp(path: Path) -> Path:
    buffer = io.BytesIO()
    photo().save(buffer, format="BMP")
    data = bytearray(buffer.getvalue())
    data[18:26] = struct.pack("<ii", 100_000, 100_000)
    path.write_bytes(data)
    return path


def huge_header_gif(path: Path) -> Path:
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b",\0\0\0\0\x40\0\x30\0\0\x02\0;")
    return path


def growing_gif(path: Path) -> Path:
    """The canvas is 64×48, its first frame 65535×65535: the reader grows the canvas to hold it."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x01\x4c\0"
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", 64, 48, 0x80, 0, 0) + bytes(6) + frame + b";")
    return path


def _tiff(width: int, height: int, next_directory: int = 0) -> Maker:
    """A TIFF of one grey strip by hand."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, height)]
    tags += [(277, 3, 1), (279, 4, 64)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_directory)
    return _bytes(b"II*\0" + struct.pack("<I", 8) + directory)


huge_header_tiff = _tiff(200_000, 200_000)
tiff_without_pixels = _tiff(640, 480)


def tiff_with_directory_nowhere(path: Path) -> Path:
    path.write_bytes(b"II*\0" + struct.pack("<I", 0x7FFFFFFF) + bytes(64))
    return path


def zip_file(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"x")
    return path


REFUSED: dict[str, Maker] = {
    maker_name: maker
    for maker_name, maker in {
        "empty.png": empty_file,
        "text.png": text_file,
        "random.jpg": random_bytes,
        "one_pixel.png": one_pixel_png,
        "huge_header.png": huge_header_png,
        "huge_header.webp": huge_header_webp,
        "truncated.png": truncated_png,
        "header_only.png": header_only_png,
        "damaged.png": damaged_png,
        "truncated.jpg": truncated_jpeg,
        "truncated.webp": truncated_webp,
        "truncated.avif": truncated_avif,
        "truncated.gif": truncated_gif,
        "truncated.bmp": truncated_bmp,
        "truncated.tif": truncated_tiff,
        "phone.jpg": heic_header,
        "float.tif": float_tiff,
        "drawing.svg": svg_file,
        "zeros.png": _bytes(bytes(5000)),
        "signature.png": _bytes(b"\x89PNG\r\n\x1a\n"),
        "start.jpg": _bytes(b"\xff\xd8\xff\xe0\0\x10JFIF"),
        "riff.webp": _bytes(b"RIFF\xff\xff\xff\xffWEBPVP8 "),
        "lying.png": lying_png,
        "no_pixels.png": png_without_pixels,
        "checksum.png": png_with_wrong_checksum,
        "text_bomb.png": text_bomb_png,
        "profile_bomb.png": profile_bomb_png,
        "endless_chunk.png": endless_chunk_png,
        "thin.png": lambda path: huge_header_png(path, 2**31 - 1, 1),
        "huge_header.jpg": huge_header_jpeg,
        "huge_header.bmp": huge_header_bmp,
        "huge_header.gif": huge_header_gif,
        "growing.gif": growing_gif,
        "huge_header.tif": huge_header_tiff,
        "no_pixels.tif": tiff_without_pixels,
        "nowhere.tif": tiff_with_directory_nowhere,
        "archive.png": zip_file,
        "page.jpg": _bytes(b"<!DOCTYPE html><title>404</title>"),
        "pointer.png": _bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "document.png": _bytes(b"%PDF-1.7\n"),
        "layers.png": _bytes(b"8BPS\0\x01" + bytes(40)),
        "film.gif": _bytes(struct.pack(">I", 24) + b"ftypisom" + bytes(4) + b"isommp42" + bytes(64)),
        "program.png": _bytes(b"MZ\x90\0" + bytes(200)),
        "modern.jpg": _bytes(b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(64)),
    }.items()
}
"""File name → maker; each must be refused, the others of its folder stay."""


# --- odd, but to be read ------------------------------------------------------------------------------------------


def _saved(image: Callable[[], Image.Image], format_name: str, **options: object) -> Maker:
    def make(path: Path) -> Path:
        image().save(path, format=format_name, **options)  # type: ignore[arg-type]  Pillow's options are untyped
        return path

    return make


def rotated_jpeg(path: Path, orientation: int = 6) -> Path:
    """``quadrants`` as a phone stores it: pixels lie on their side, EXIF says how to turn them."""
    upright = quadrants()
    backwards = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if backwards is None else upright.transpose(backwards)
    stored.save(path, format="JPEG", quality=95, exif=exif_bytes(orientation))
    return path


def cmyk_jpeg(path: Path) -> Path:
    quadrants().convert("CMYK").save(path, format="JPEG", quality=95)
    return path


def grey16_png(path: Path) -> Path:
    """A 16-bit ramp from 0 to 65535, left to right."""
    ramp = np.linspace(0, 65535, 64).round().astype(">u2")
    row = b"\0" + ramp.tobytes()
    path.write_bytes(raw_png(64, 48, 16, 0, row * 48))
    return path


def rgb16_png(path: Path) -> Path:
    """16-bit RGB: red ramps from 0 to 65535, green is full, blue is zero."""
    ramp = np.linspace(0, 65535, 64).round().astype(">u2")
    pixels = np.stack([ramp, np.full(64, 65535, ">u2"), np.zeros(64, ">u2")], axis=1).astype(">u2")
    path.write_bytes(raw_png(64, 48, 16, 2, (b"\0" + pixels.tobytes()) * 48))
    return path


def palette_png_with_transparency(path: Path) -> Path:
    """Left half red, right half transparent, through a palette."""
    image = Image.new("P", (64, 48), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (32, 0, 64, 48))
    image.save(path, format="PNG", transparency=1)
    return path


def half_transparent_png(path: Path) -> Path:
    """Left half opaque red, right half black at half strength."""
    image = Image.new("RGBA", (64, 48), (255, 0, 0, 255))
    image.paste((0, 0, 0, 128), (32, 0, 64, 48))
    image.save(path, format="PNG")
    return path


def grey_alpha_png(path: Path) -> Path:
    """LA: left half opaque mid grey, right half transparent."""
    image = Image.new("LA", (64, 48), (100, 255))
    image.paste((0, 0), (32, 0, 64, 48))
    image.save(path, format="PNG")
    return path


def _animated(format_name: str) -> Maker:
    def make(path: Path) -> Path:
        frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "lime", "blue")]
        frames[0].save(path, format=format_name, save_all=True, append_images=frames[1:], duration=100, lossless=True)
        return path

    return make


animated_gif = _animated("GIF")
animated_webp = _animated("WEBP")
animated_png = _animated("PNG")


def jpeg_with_zip_behind(path: Path) -> Path:
    """Two files in one: a picture to us, an archive to whoever reads from the end."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", b"x")
    photo().save(path, format="JPEG")
    path.write_bytes(path.read_bytes() + buffer.getvalue())
    return path


def png_with_a_png_inside(path: Path) -> Path:
    """A huge picture nested in the text of a small one."""
    nested = raw_png(50_000, 50_000, 8, 2, b"\0" * 64)
    return _png_with(png_chunk(b"tEXt", b"Thumbnail\0" + nested))(path)


def png_with_more_pixels_than_it_says(path: Path) -> Path:
    """64×48 in the header; behind the last row 20 MB more come out of a few kilobytes."""
    path.write_bytes(raw_png(64, 48, 8, 2, (b"\0" + bytes(64 * 3)) * 48 + bytes(20_000_000)))
    return path


def tiff_in_a_circle(path: Path) -> Path:
    """Its directory names itself as the next one, for ever."""
    quadrants().save(path, format="TIFF")
    data = bytearray(path.read_bytes())
    at = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[at : at + 2])[0]
    data[at + 2 + 12 * count : at + 6 + 12 * count] = struct.pack("<I", at)
    path.write_bytes(data)
    return path


def jpeg_with_broken_exif(path: Path) -> Path:
    """EXIF that makes Pillow warn; the picture itself is whole."""
    photo().save(path, format="JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0" + b"\x12\x01\x03\0\xff\xff\xff\x7f" * 3)
    return path


ODD: dict[str, Maker] = {
    "plain.png": _saved(quadrants, "PNG"),
    "plain.jpg": _saved(quadrants, "JPEG", quality=95),
    "plain.webp": _saved(quadrants, "WEBP", lossless=True),
    "plain.avif": _saved(quadrants, "AVIF", quality=95),
    "plain.gif": _saved(quadrants, "GIF"),
    "plain.bmp": _saved(quadrants, "BMP"),
    "plain.tif": _saved(quadrants, "TIFF"),
    "compressed.tiff": _saved(quadrants, "TIFF", compression="tiff_lzw"),
    "png_inside.jpg": _saved(quadrants, "PNG"),
    "grey.png": _saved(lambda: photo().convert("L"), "PNG"),
    "black_and_white.png": _saved(lambda: photo().convert("1"), "PNG"),
    "palette.png": _saved(lambda: quadrants().convert("P"), "PNG"),
    "rotated.jpg": rotated_jpeg,
    "cmyk.jpg": cmyk_jpeg,
    "grey16.png": grey16_png,
    "rgb16.png": rgb16_png,
    "palette_transparent.png": palette_png_with_transparency,
    "rgba.png": half_transparent_png,
    "grey_alpha.png": grey_alpha_png,
    "animated.gif": animated_gif,
    "animated.webp": animated_webp,
    "broken_exif.jpg": jpeg_with_broken_exif,
    "animated.png": animated_png,
    "zip_behind.jpg": jpeg_with_zip_behind,
    "png_inside.bmp": png_with_a_png_inside,
    "bomb_behind.png": png_with_more_pixels_than_it_says,
    "cmyk.tif": _saved(lambda: quadrants().convert("CMYK"), "TIFF"),
    "circle.tif": tiff_in_a_circle,
    "broken_profile.jpg": _saved(photo, "JPEG", icc_profile=b"\0" * 400),
}
"""File name → maker; each must be read as 64×48 RGB."""


def shift_jis_caption(path: Path, text: str = "豆, 緑の髪, 笑顔") -> Path:
    """A caption as old Japanese editors save it."""
    path.write_bytes(text.encode("cp932"))
    return path


def named_pipe(path: Path) -> Path:
    """Opening this would wait for ever (POSIX only)."""
    os.mkfifo(path)
    return path
