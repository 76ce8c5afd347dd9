"""Decoding in a limited process (product D2, D3; issue 3, section 5)."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from enogu.errors import EnoguError, PictureRefused, WrongUse
from enogu.imaging.decoder import Decoder, DecoderLimits, DirectDecoder, SafeDecoder
from enogu.imaging.examining import THUMBNAIL_SIDE
from enogu.imaging.infotext import save_png
from tests import hostile_pictures as hostile

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")

REASONS = {
    "empty.png": "is empty (0 bytes)",
    "text.png": "it contains text",
    "random.jpg": "its content is of no known kind",
    "one_pixel.png": "is 1×1 pixels",
    "huge_header.png": "is 50,000×50,000 pixels",
    "huge_header.webp": "is 16,777,216×255 pixels",
    "huge_header.jpg": "is 65,500×65,500 pixels",
    "huge_header.bmp": "is 100,000×100,000 pixels",
    "huge_header.gif": "is 65,535×65,535 pixels",
    "huge_header.tif": "is 200,000×200,000 pixels",
    "thin.png": "is 2,147,483,647×1 pixels",
    "phone.jpg": "it is a HEIC picture",
    "float.tif": "has 32 bits a channel",
    "drawing.svg": "it is an SVG drawing",
    "zeros.png": "its content is of no known kind",
    "archive.png": "it is a zip file",
    "page.jpg": "it is a web page",
    "pointer.png": "it is a Git LFS pointer",
    "document.png": "it is a PDF",
    "layers.png": "it is a Photoshop file",
    "film.gif": "it is a video",
    "program.png": "its content is of no known kind",
    "modern.jpg": "it is a JPEG XL picture",
}
"""What a refusal says beside the name; of all others, that the file is cut short or damaged."""


@pytest.fixture(scope="module")
def safe() -> Iterator[SafeDecoder]:
    with SafeDecoder() as decoder:
        yield decoder


@pytest.fixture(params=["safe", "direct"])
def decoder(request: pytest.FixtureRequest, safe: SafeDecoder) -> Decoder:
    """Both decoders answer alike: the fake passes what the real one passes."""
    return safe if request.param == "safe" else DirectDecoder()


def made(folder: Path, name: str) -> bytes:
    return (hostile.REFUSED | hostile.ODD)[name](folder / name).read_bytes()


def test_there_are_more_than_fifty_hostile_pictures() -> None:
    assert len(hostile.REFUSED) + len(hostile.ODD) > 50
    assert set(REASONS) < set(hostile.REFUSED)


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_a_hostile_picture_is_refused_in_words(decoder: Decoder, tmp_path: Path, name: str) -> None:
    """D2, issue 3 section 5: the name, the reason and a cure, in one line."""
    with pytest.raises(PictureRefused) as refusal:
        decoder.examine(made(tmp_path, name), f"豆 {name}")
    assert refusal.value.message.startswith(f"豆 {name} ")
    assert REASONS.get(name, "is cut short or damaged") in refusal.value.message
    assert refusal.value.cure and "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", hostile.ODD)
def test_an_odd_picture_is_examined(decoder: Decoder, tmp_path: Path, name: str) -> None:
    """D2: known by content, first frame, CMYK, 16 bits, broken EXIF, files behind and inside the picture."""
    data = made(tmp_path, name)
    found = decoder.examine(data, name)
    assert (found.info.width, found.info.height, found.info.path.name) == (64, 48, name)
    assert found.file_sha256 == hashlib.sha256(data).hexdigest()
    assert len(found.pixel_sha256) == 64
    with Image.open(io.BytesIO(found.thumbnail)) as thumbnail:
        assert (thumbnail.format, thumbnail.mode, thumbnail.size) == ("WEBP", "RGB", (64, 48))


def test_pixels_are_the_same_as_from_this_process(safe: SafeDecoder, tmp_path: Path) -> None:
    """D3: upright, and transparency laid on the chosen colour."""
    for name, colour in {"rotated.jpg": "#ffffff", "rgba.png": "#0000ff", "grey16.png": "#ffffff"}.items():
        data = made(tmp_path, name)
        there, here = safe.decode(data, name, colour), DirectDecoder().decode(data, name, colour)
        assert there.image.tobytes() == here.image.tobytes()
        assert (there.sha256, there.info) == (here.sha256, here.info)


def test_fingerprint_and_quality_are_the_same_as_from_this_process(safe: SafeDecoder) -> None:
    """D4."""
    for image in (hostile.photo(300, 200), Image.new("RGB", (64, 48), "red")):
        data = hostile.png_bytes(image)
        there, here = safe.examine(data, "a.png"), DirectDecoder().examine(data, "a.png")
        assert there == here
        assert (there.fingerprint is None) == (image.size == (64, 48))


def test_a_thumbnail_is_small_and_keeps_the_shape(decoder: Decoder) -> None:
    found = decoder.examine(hostile.png_bytes(hostile.photo(1200, 600)), "a.png")
    with Image.open(io.BytesIO(found.thumbnail)) as thumbnail:
        assert thumbnail.size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 2)


def test_equal_pixels_in_two_files_have_one_digest(decoder: Decoder) -> None:
    """D4."""
    image = hostile.quadrants()
    bitmap = io.BytesIO()
    image.save(bitmap, format="BMP")
    one, other = decoder.examine(hostile.png_bytes(image), "a"), decoder.examine(bitmap.getvalue(), "b")
    assert one.pixel_sha256 == other.pixel_sha256 and one.file_sha256 != other.file_sha256
    assert decoder.examine(hostile.png_bytes(image.transpose(Image.Transpose.ROTATE_90)), "c") != one


def test_a_name_with_line_breaks_or_a_path_is_shown_in_one_line(decoder: Decoder) -> None:
    with pytest.raises(PictureRefused) as refusal:
        decoder.examine(b"words", "../../etc/a\nb\ud800.png")
    assert refusal.value.message.startswith("a?b?.png is not a picture")


def test_a_colour_that_is_none_is_wrong_use(decoder: Decoder) -> None:
    with pytest.raises(WrongUse, match="greenish"):
        decoder.examine(hostile.png_bytes(hostile.quadrants()), "a.png", "greenish")


# --- a child that does not behave, played by small scripts -----------------------------------------------------------

READY = r"""
import json, os, signal, struct, sys, time
def say(header, *parts):
    text = json.dumps({**header, "part_bytes": [len(part) for part in parts]}).encode()
    os.write(1, struct.pack(">I", len(text)) + text + b"".join(parts))
def hear():
    length, = struct.unpack(">I", sys.stdin.buffer.read(4))
    sys.stdin.buffer.read(sum(json.loads(sys.stdin.buffer.read(length))["part_bytes"]))
say({"ready": True})
"""
INFO = '{"path": "a", "width": 2, "height": 1, "format": "PNG", "notes": []}'
GOOD = f'say({{"info": {INFO}, "file_sha256": "0" * 64}}, bytes(6))'
TELLING = GOOD.replace('"0" * 64', "told.zfill(64)")


def playing(script: str, **limits: float) -> SafeDecoder:
    given = {"wall_seconds": 60.0, **limits}
    return SafeDecoder(DecoderLimits(**given), command=[sys.executable, "-S", "-E", "-c", READY + script])  # type: ignore[arg-type]


def refusal_of(decoder: SafeDecoder) -> str:
    with decoder, pytest.raises(PictureRefused) as refusal:
        decoder.decode(b"x", "a.png")
    assert refusal.value.cure
    return refusal.value.message


def test_a_picture_that_takes_too_long_is_refused_and_its_child_killed() -> None:
    began = time.monotonic()
    decoder = playing("hear(); time.sleep(600)", wall_seconds=0.2)
    assert refusal_of(decoder) == "a.png took longer than 0.2 seconds to open."
    assert time.monotonic() - began < 300


def test_a_child_that_stops_listening_does_not_block_its_parent() -> None:
    """The picture is larger than a pipe holds, so that writing waits."""
    with playing("time.sleep(600)", wall_seconds=0.2) as decoder, pytest.raises(PictureRefused, match="took longer"):
        decoder.decode(bytes(1_000_000), "a.png")


@POSIX
def test_a_picture_that_computes_too_long_is_refused() -> None:
    decoder = playing("hear(); os.kill(os.getpid(), signal.SIGXCPU); time.sleep(9)", cpu_seconds=7)
    assert refusal_of(decoder) == "a.png took more than 7 seconds of computing to open."


def test_a_crash_is_a_refusal_and_the_next_picture_gets_a_new_child(tmp_path: Path) -> None:
    """The child falls on its first picture only; the mark in a file says that it did."""
    mark = tmp_path / "fell"
    script = f"hear()\nif not os.path.exists({str(mark)!r}):\n    open({str(mark)!r}, 'w').close(); os._exit(1)\n{GOOD}"
    with playing(script) as decoder:
        with pytest.raises(PictureRefused, match=r"a\.png made the picture reader crash"):
            decoder.decode(b"x", "a.png")
        assert decoder.decode(b"x", "b.png").image.size == (2, 1)


def test_a_warm_child_that_died_of_something_else_costs_no_picture() -> None:
    """Say, the system ended it for want of memory between two pictures: a new child is asked before blaming one."""
    with playing(f"hear(); {GOOD}\nhear(); os._exit(1)") as decoder:
        assert [decoder.decode(b"x", name).image.size for name in ("a.png", "b.png", "c.png")] == [(2, 1)] * 3


@pytest.mark.parametrize(
    "answer",
    [
        "say({})",
        "say({'info': 3, 'file_sha256': '0' * 64}, b'')",
        GOOD.replace('"width": 2', '"width": 2000'),
        GOOD.replace('"width": 2', '"width": -2'),
        GOOD.replace("0", "z", 1),
        GOOD.replace('"format"', '"more": 1, "format"'),
    ],
)
def test_an_answer_that_cannot_be_true_is_not_believed(answer: str) -> None:
    assert refusal_of(playing("hear(); " + answer)) == "a.png made the picture reader answer nonsense."


@pytest.mark.parametrize(
    "answer",
    [
        "os.write(1, b'\\xff' * 8)",
        "os.write(1, struct.pack('>I', 3) + b'xyz')",
        "os.write(1, struct.pack('>I', 2) + b'[]')",
        "os.write(1, struct.pack('>I', 29) + b'{\"part_bytes\": [99999999999]}')",
    ],
)
def test_an_answer_that_is_no_message_ends_the_child(answer: str) -> None:
    assert refusal_of(playing("hear(); " + answer)) == "a.png made the picture reader crash."


def test_a_child_is_replaced_after_so_many_pictures() -> None:
    script = f"told = str(os.getpid())\nwhile True:\n    hear(); {TELLING}"
    with playing(script, max_pictures=2) as decoder:
        numbers = [decoder.decode(b"x", "a.png").sha256 for _ in range(4)]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]


def test_a_child_that_does_not_start_is_no_fault_of_the_picture() -> None:
    with SafeDecoder(command=[sys.executable, "-S", "-c", ""]) as decoder:
        with pytest.raises(EnoguError, match=r"did not start \(it ended at once\)") as error:
            decoder.decode(b"x", "a.png")
        assert not isinstance(error.value, PictureRefused)
    with SafeDecoder(command=["/nowhere/python"]) as decoder, pytest.raises(EnoguError, match="did not start"):
        decoder.decode(b"x", "a.png")


def test_a_child_ends_when_its_parent_is_gone() -> None:
    """A parent that is killed closes the pipe, which is all that the child hears of it."""
    command = [sys.executable, "-m", "enogu.imaging.decoder_child", '{"memory_mib": 4096, "cpu_seconds": 5}']
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(300) == 0


def test_threads_share_a_decoder(safe: SafeDecoder, tmp_path: Path) -> None:
    data, found = made(tmp_path, "plain.png"), []
    threads = [threading.Thread(target=lambda: found.append(safe.examine(data, "a.png"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1


# --- the real child's limits ----------------------------------------------------------------------------------------


@POSIX
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not limit addresses")
def test_a_bomb_within_the_pixel_limit_meets_the_memory_limit_and_the_next_picture_is_read() -> None:
    """11 KB of a bilevel PNG that are 9,000×9,000 pixels, 324 MB as Pillow holds RGB."""
    row = b"\0" + bytes(9000 // 8)
    bomb = hostile.raw_png(9000, 9000, 1, 0, row * 9000)
    assert len(bomb) < 20_000
    with SafeDecoder(DecoderLimits(memory_mib=500)) as decoder:
        with pytest.raises(PictureRefused, match=r"bomb\.png needs more memory to open than there is"):
            decoder.decode(bomb, "bomb.png")
        assert decoder.decode(hostile.png_bytes(hostile.quadrants()), "a.png").image.size == (64, 48)


@POSIX
def test_the_child_may_write_no_file_and_compute_no_longer_than_it_is_allowed(tmp_path: Path) -> None:
    target = tmp_path / "written"
    script = f"""
import resource
from enogu.imaging import decoder_child as child
child._limit_ourselves(2**32)
child._allow_seconds(7)
print(resource.getrlimit(resource.RLIMIT_CPU)[0], resource.getrlimit(resource.RLIMIT_CORE)[0])
try:
    with open({str(target)!r}, "wb") as file:
        file.write(b"x")
except OSError as error:
    print(error.errno)
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    seconds, core, number = run.stdout.split()
    assert 7 <= int(seconds) <= 60 and core == "0" and number == "27"  # EFBIG
    assert target.read_bytes() == b""


def test_the_child_knows_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No database password can leak from there."""
    monkeypatch.setenv("ENOGU_DATABASE_URL", "postgresql://secret")
    script = f"told = '1' if 'ENOGU_DATABASE_URL' in os.environ else '0'\nhear(); {TELLING}"
    with playing(script) as decoder:
        assert decoder.decode(b"x", "a.png").sha256 == "0" * 64


def test_a_pictures_own_text_is_read_by_either_decoder(decoder: Decoder, tmp_path: Path) -> None:
    """I4: also Japanese, and also when it is long."""
    text = "まめ、笑顔\nNegative prompt: 暗い\nSteps: 20, Sampler: DDIM, Seed: 1, Size: 64x64" + " " * 90_000 + "."
    save_png(Image.new("RGB", (64, 64)), tmp_path / "drawn.png", text)
    assert decoder.find_parameters((tmp_path / "drawn.png").read_bytes(), "drawn.png") == text
    Image.new("RGB", (64, 64)).save(tmp_path / "plain.jpg")
    assert decoder.find_parameters((tmp_path / "plain.jpg").read_bytes(), "plain.jpg") is None
    with pytest.raises(PictureRefused, match=r"text\.png"):
        decoder.find_parameters(b"no picture at all", "text.png")
