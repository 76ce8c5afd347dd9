"""The starter's corpus: people drawn by DiceBear, with captions made from the renderer's own attributes.

A picture is a function of its number alone: ``draw(index)`` gives the same pixels and the same tags on every
machine, so nothing of the corpus is stored in git and a held-out picture is simply a number of the held-out range.
Only styles whose variants have *words* for names are used; the six styles in ``HELD_OUT_STYLES`` are never drawn
here, so that a LoRA can be trained on something that the base model has not seen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
import pyvips
from dicebear import Avatar, Style

SIZE = 128
STYLE_WEIGHTS = {
    "voxel-art": 0.20,
    "open-peeps": 0.18,
    "toon-head": 0.16,
    "big-smile": 0.15,
    "micah": 0.15,
    "personas": 0.16,
}
HELD_OUT_STYLES = ("lorelei", "croodles", "adventurer", "notionists", "avataaars", "bottts")
HELD_OUT_START = 1_000_000_000
"""Numbers from here on are never trained on: they are the held-out pictures of every measurement."""

# Every colour we name, with the shades that count as it. A pinned colour is drawn from here; a renderer's own
# colour is named after its nearest shade in CIE Lab.
COLOURS: dict[str, tuple[str, ...]] = {
    "black": ("#1c1a1e", "#2c222b", "#000000"),
    "white": ("#ffffff", "#f2f2f2", "#e8e9e6"),
    "gray": ("#8a8d91", "#545454", "#a9adb3"),
    "brown": ("#5a3825", "#7b4a2d", "#724133", "#a56b46"),
    "blonde": ("#e2c077", "#d9b380", "#ecd79a"),
    "red": ("#c92a2a", "#d6333f", "#b11f1f"),
    "orange": ("#f2762e", "#e8590c", "#f59a4c"),
    "yellow": ("#fad02c", "#f4d150", "#fdea6b"),
    "green": ("#3fae4e", "#2f8f46", "#78c850"),
    "teal": ("#1fa39a", "#54d7c7", "#5ba8a0"),
    "blue": ("#2f6fe0", "#456dff", "#3b5b8c", "#8fb6f0"),
    "purple": ("#7950f2", "#6d5acf", "#9287ff", "#7d3fb0"),
    "pink": ("#f06fa8", "#ec4899", "#fc909f", "#f7b3cd"),
}
HAIR_COLOURS = ("black", "white", "gray", "brown", "blonde", "red", "orange", "green", "teal", "blue", "purple", "pink")
CLOTHES_COLOURS = (
    "black",
    "white",
    "gray",
    "brown",
    "red",
    "orange",
    "yellow",
    "green",
    "teal",
    "blue",
    "purple",
    "pink",
)
BACKGROUND_COLOURS = {
    "white": ("#ffffff", "#fafafa"),
    "gray": ("#c9ccd1", "#b4b8bd"),
    "black": ("#22232a", "#17181c"),
    "red": ("#e4626a", "#d9484f"),
    "orange": ("#f7b27a", "#f59a4c"),
    "yellow": ("#fbe28a", "#f8d75c"),
    "green": ("#a8dca0", "#83c77d"),
    "teal": ("#8fd6cf", "#63c1b8"),
    "blue": ("#a8cdf5", "#7fb3ef"),
    "purple": ("#c9bdf2", "#a996e8"),
    "pink": ("#f9c6d8", "#f4a8c4"),
}
SKIN_TAGS = ("light skin", "tan skin", "brown skin", "dark skin")

# style -> component -> variant -> tags. "" means: nothing worth a word.
VARIANT_TAGS: dict[str, dict[str, dict[str, str]]] = {
    "voxel-art": {
        "top": {
            "short": "short hair", "spiky": "spiky hair", "bowl": "bowl cut", "sideSwept": "side swept hair",
            "curly": "curly hair", "mohawk": "mohawk", "buns": "hair buns", "ponytail": "ponytail", "bob": "bob cut",
            "shoulderLength": "shoulder length hair", "longStraight": "long hair", "longWavy": "long wavy hair",
            "partedLong": "long hair, parted hair", "braids": "braids", "twinTails": "twin tails", "cap": "cap",
            "beanie": "beanie", "animalEars": "animal ears", "bunnyEars": "bunny ears", "afro": "afro",
            "halfShaved": "half shaved hair",
        },
        "outfit": {
            "plain": "t-shirt", "stripes": "striped shirt", "jacket": "jacket", "checker": "checkered shirt",
            "overalls": "overalls", "hoodie": "hoodie", "tie": "tie", "coat": "coat", "dress": "dress", "suit": "suit",
        },
        "beard": {"full": "beard", "mustache": "mustache", "goatee": "goatee", "stubble": "stubble"},
        "mouth": {
            "smile": "smile", "bigSmile": "big smile", "flat": "flat mouth", "ooh": "surprised", "tongue": "tongue out",
            "smirk": "smirk", "laugh": "laughing", "wideSmile": "big smile", "frown": "frown", "grin": "grin",
        },
        "cheeks": {"blush": "blush", "pixel": "blush", "freckles": "freckles"},
        "eyes": {
            "open": "open eyes", "soft": "open eyes", "happy": "happy eyes", "sleepy": "sleepy eyes",
            "side": "looking to the side", "closed": "closed eyes", "wide": "wide eyes", "star": "star eyes",
        },
        "glasses": {
            "round": "glasses, round glasses", "square": "glasses, square glasses", "shades": "sunglasses",
            "cat": "glasses, cat eye glasses", "visor": "visor",
        },
    },
    "open-peeps": {
        "head": {
            "afro": "afro", "bangs": "bangs", "bangs2": "bangs", "bantuKnots": "bantu knots", "bear": "bear hood",
            "bun": "hair bun", "bun2": "hair bun", "buns": "hair buns", "cornrows": "cornrows", "cornrows2": "cornrows",
            "dreads1": "dreadlocks", "dreads2": "dreadlocks", "flatTop": "flat top", "flatTopLong": "flat top",
            "grayBun": "hair bun", "grayMedium": "medium hair", "grayShort": "short hair", "hatBeanie": "beanie",
            "hatHip": "hat", "hijab": "hijab", "long": "long hair", "longAfro": "afro", "longBangs": "long hair, bangs",
            "longCurly": "long hair, curly hair", "medium1": "medium hair", "medium2": "medium hair",
            "medium3": "medium hair", "mediumBangs": "medium hair, bangs", "mediumBangs2": "medium hair, bangs",
            "mediumBangs3": "medium hair, bangs", "mediumStraight": "medium hair", "mohawk": "mohawk",
            "mohawk2": "mohawk", "noHair1": "bald", "noHair2": "bald", "noHair3": "bald", "pomp": "pompadour",
            "shaved1": "shaved head", "shaved2": "shaved head", "shaved3": "shaved head", "short1": "short hair",
            "short2": "short hair", "short3": "short hair", "short4": "short hair", "short5": "short hair",
            "turban": "turban", "twists": "hair twists", "twists2": "hair twists",
        },
        "expression": {
            "angryWithFang": "angry, fang", "awe": "surprised", "blank": "blank expression", "calm": "calm",
            "cheeky": "cheeky", "concerned": "worried", "concernedFear": "worried", "contempt": "contempt",
            "cute": "smile", "cyclops": "cyclops", "driven": "serious", "eatingHappy": "happy eyes",
            "explaining": "talking", "eyesClosed": "closed eyes", "fear": "scared", "hectic": "hectic",
            "lovingGrin1": "grin", "lovingGrin2": "grin", "monster": "monster", "old": "old", "rage": "angry",
            "serious": "serious", "smile": "smile", "smileBig": "big smile", "smileLOL": "laughing",
            "smileTeethGap": "smile, teeth gap", "solemn": "serious", "suspicious": "suspicious", "tired": "tired",
            "veryAngry": "angry",
        },
        "accessories": {
            "eyepatch": "eyepatch", "glasses": "glasses", "glasses2": "glasses", "glasses3": "glasses",
            "glasses4": "glasses", "glasses5": "glasses", "sunglasses": "sunglasses", "sunglasses2": "sunglasses",
        },
        "facialHair": {
            "chin": "beard", "full": "beard", "full2": "beard", "full3": "beard", "full4": "beard",
            "goatee1": "goatee", "goatee2": "goatee", **{f"moustache{i}": "mustache" for i in range(1, 10)},
        },
        "mask": {"medicalMask": "face mask", "respirator": "respirator"},
    },
    "toon-head": {
        "hair": {"bun": "hair bun", "sideComed": "side swept hair", "spiky": "spiky hair", "undercut": "undercut"},
        "rearHair": {
            "longStraight": "long hair", "longWavy": "long wavy hair", "neckHigh": "medium hair",
            "shoulderHigh": "shoulder length hair",
        },
        "beard": {
            "chin": "beard", "chinMoustache": "beard, mustache", "fullBeard": "beard", "longBeard": "long beard",
            "moustacheTwirl": "mustache",
        },
        "clothes": {
            "dress": "dress", "openJacket": "jacket", "shirt": "collared shirt", "tShirt": "t-shirt",
            "turtleNeck": "turtleneck",
        },
        "eyebrows": {
            "angry": "angry eyebrows", "happy": "", "neutral": "", "raised": "raised eyebrows", "sad": "sad eyebrows",
        },
        "eyes": {
            "bow": "happy eyes", "happy": "open eyes", "humble": "sleepy eyes", "wide": "wide eyes", "wink": "wink",
        },
        "mouth": {"agape": "surprised", "angry": "angry", "laugh": "laughing", "sad": "frown", "smile": "smile"},
    },
    "big-smile": {
        "hair": {
            "bangs": "bangs", "bowlCutHair": "bowl cut", "braids": "braids", "bunHair": "hair bun",
            "curlyBob": "bob cut, curly hair", "curlyShortHair": "short hair, curly hair", "froBun": "afro, hair bun",
            "halfShavedHead": "half shaved hair", "mohawk": "mohawk", "shavedHead": "shaved head",
            "shortHair": "short hair", "straightHair": "long hair", "wavyBob": "bob cut, wavy hair",
        },
        "accessories": {
            "catEars": "cat ears", "clownNose": "clown nose", "faceMask": "face mask", "glasses": "glasses",
            "mustache": "mustache", "sailormoonCrown": "tiara", "sleepMask": "sleep mask", "sunglasses": "sunglasses",
        },
        "eyes": {
            "angry": "angry eyebrows", "cheery": "happy eyes", "confused": "confused", "normal": "open eyes",
            "sad": "sad eyebrows", "sleepy": "sleepy eyes", "starstruck": "star eyes", "winking": "wink",
        },
        "mouth": {
            "awkwardSmile": "awkward smile", "braces": "braces, smile", "gapSmile": "smile, teeth gap",
            "kawaii": "small mouth", "openSad": "open mouth, frown", "openedSmile": "open mouth, smile",
            "teethSmile": "big smile", "unimpressed": "flat mouth",
        },
    },
    "micah": {
        "hair": {
            "dannyPhantom": "spiky hair", "dougFunny": "few hairs", "fonze": "pompadour", "full": "long hair",
            "mrClean": "bald", "mrT": "mohawk", "pixie": "pixie cut", "turban": "turban",
        },
        "clothes": {"collared": "collared shirt", "crew": "crew neck", "open": "open shirt"},
        "earrings": {"hoop": "hoop earring", "stud": "stud earring"},
        "eyes": {
            "eyes": "open eyes", "eyesShadow": "eye shadow", "round": "wide eyes", "smiling": "happy eyes",
            "smilingShadow": "happy eyes, eye shadow",
        },
        "facialHair": {"beard": "beard", "scruff": "stubble"},
        "glasses": {"round": "glasses, round glasses", "square": "glasses, square glasses"},
        "mouth": {
            "frown": "frown", "laughing": "laughing", "nervous": "nervous", "pucker": "pucker", "sad": "frown",
            "smile": "smile", "smirk": "smirk", "surprised": "surprised",
        },
    },
    "personas": {
        "hair": {
            "bald": "bald", "balding": "balding", "beanie": "beanie", "bobBangs": "bob cut, bangs", "bobCut": "bob cut",
            "bunUndercut": "hair bun, undercut", "buzzcut": "shaved head", "cap": "cap", "curly": "curly hair",
            "curlyBun": "curly hair, hair bun", "curlyHighTop": "flat top, curly hair", "extraLong": "long hair",
            "fade": "short hair", "long": "long hair", "mohawk": "mohawk", "pigtails": "twin tails",
            "shortCombover": "short hair, side swept hair", "shortComboverChops": "short hair, sideburns",
            "sideShave": "half shaved hair", "straightBun": "hair bun",
        },
        "clothes": {
            "checkered": "checkered shirt", "rounded": "t-shirt", "small": "t-shirt", "squared": "t-shirt",
        },
        "eyes": {
            "glasses": "glasses", "happy": "happy eyes", "open": "open eyes", "sleep": "closed eyes",
            "sunglasses": "sunglasses", "wink": "wink",
        },
        "facialHair": {
            "beardMustache": "beard, mustache", "goatee": "goatee", "pyramid": "mustache", "shadow": "stubble",
            "soulPatch": "goatee", "walrus": "mustache",
        },
        "mouth": {
            "bigSmile": "big smile", "frown": "frown", "lips": "lips", "pacifier": "pacifier", "smile": "smile",
            "smirk": "smirk", "surprise": "surprised",
        },
    },
}  # fmt: skip

MOUTH_TAGS = {
    "smile", "big smile", "flat mouth", "surprised", "tongue out", "smirk", "laughing", "frown", "grin", "teeth gap",
    "awkward smile", "braces", "small mouth", "open mouth", "talking", "lips", "fang", "cheeky", "nervous", "pucker",
}  # fmt: skip
EYE_TAGS = {
    "open eyes", "happy eyes", "sleepy eyes", "looking to the side", "closed eyes", "wide eyes", "star eyes", "wink",
    "confused", "eye shadow",
}  # fmt: skip
NO_HAIR_TAGS = {"bald", "hijab", "turban", "shaved head", "few hairs"}
HAT_TAGS = {"cap", "beanie", "hat", "turban", "hijab", "bear hood"}


@dataclass(frozen=True)
class Picture:
    """One drawn person: the SVG's pixels later, its tags in a fixed order now (style first, background last)."""

    style: str
    svg: str
    background: str
    tags: tuple[str, ...]


def draw(index: int, style: str | None = None) -> Picture:
    """Draw picture number ``index``; ``style`` forces one of ``STYLE_WEIGHTS``."""
    rng = np.random.default_rng([20261122, index])
    names = list(STYLE_WEIGHTS)
    drawn_style = str(rng.choice(names, p=list(STYLE_WEIGHTS.values())))
    style = style or drawn_style
    background_name = str(rng.choice(list(BACKGROUND_COLOURS)))
    background = _shade(rng, BACKGROUND_COLOURS[background_name])
    options: dict[str, object] = {"seed": f"enogu-{index}", "size": SIZE, "backgroundColor": [background]}
    options |= _colour_options(style, rng, background)
    options["flip"] = "horizontal" if rng.random() < 0.5 else "none"
    options["scale"] = round(float(rng.uniform(0.92, 1.06)), 3)
    options["translateX"] = round(float(rng.uniform(-4, 4)), 2)
    options["translateY"] = round(float(rng.uniform(-2, 3)), 2)
    if style == "toon-head":
        options["beardProbability"] = 25
    if style == "voxel-art":
        options["animationVariant"] = ["none"]
    resolved = Avatar(_style(style), options).to_json()
    tags = _tags(style, resolved["options"], background_name)
    return Picture(style, str(resolved["svg"]), background, tuple(dict.fromkeys(tags)))


def render(picture: Picture, size: int = SIZE) -> np.ndarray:
    """Pixels, uint8 [size, size, 3] RGB."""
    return render_svg(picture.svg, picture.background, SIZE, size)


def render_svg(svg: str, background: str, svg_size: int, size: int) -> np.ndarray:
    """Rasterise ``svg`` (``svg_size`` units wide) on a flat background: uint8 [size, size, 3] RGB."""
    image = pyvips.Image.svgload_buffer(svg.encode(), scale=size / svg_size)
    if image.hasalpha():
        image = image.flatten(background=list(_rgb(background)))
    return np.ascontiguousarray(image.colourspace("srgb").numpy()[..., :3])


def caption(picture_tags: tuple[str, ...], rng: np.random.Generator, drop: float = 0.15, empty: float = 0.1) -> str:
    """A training caption: 10 % empty, the rest shuffled with each tag dropped at 15 %; the style stays in front
    nine times of ten, since people write it first."""
    if rng.random() < empty:
        return ""
    style, *rest = picture_tags
    kept = [tag for tag in rest if rng.random() >= drop]
    rng.shuffle(kept)
    if rng.random() < 0.9:
        kept.insert(0, style)
    return ", ".join(kept)


def nearest_colour(hex_colour: str, among: tuple[str, ...] | None = None) -> str:
    """The name of the nearest shade in CIE Lab."""
    lab = _lab(_rgb(hex_colour))
    names = among or tuple(COLOURS)
    return min(names, key=lambda name: min(float(np.sum((_lab(_rgb(s)) - lab) ** 2)) for s in COLOURS[name]))


def skin_tag(hex_colour: str) -> str:
    lightness = float(_lab(_rgb(hex_colour))[0])
    return (
        SKIN_TAGS[0]
        if lightness > 80
        else SKIN_TAGS[1]
        if lightness > 66
        else SKIN_TAGS[2]
        if lightness > 42
        else SKIN_TAGS[3]
    )


@cache
def _style(name: str) -> Style:
    return Style(json.loads(files("dicebear_styles").joinpath(f"{name}.json").read_text("utf-8")))


def _colour_options(style: str, rng: np.random.Generator, background: str) -> dict[str, object]:
    """Pin the colours that matter, so that every style shows every colour and never hair on hair-coloured ground."""

    def pick(names: tuple[str, ...], *avoid: str) -> str:
        for _ in range(20):
            shade = _shade(rng, COLOURS[str(rng.choice(names))])
            if all(float(np.sum((_lab(_rgb(shade)) - _lab(_rgb(a))) ** 2)) > 350 for a in (background, *avoid)):
                break
        return shade

    hair = pick(HAIR_COLOURS)
    clothes = pick(CLOTHES_COLOURS, hair)
    match style:
        case "voxel-art":
            jacket = pick(CLOTHES_COLOURS, hair, clothes)
            return {
                "hairColor": [hair],
                "shirtColor": [clothes],
                "hatColor": [pick(CLOTHES_COLOURS)],
                "jacketColor": [jacket],
            }
        case "open-peeps":
            return {"headContrastColor": [hair], "clothingColor": [clothes], "facialHairProbability": 15}
        case "toon-head":
            return {"hairColor": [hair], "clothesColor": [clothes]}
        case "big-smile":
            return {"hairColor": [hair]}
        case "micah":
            return {"hairColor": [hair], "shirtColor": [clothes]}
        case _:
            return {"hairColor": [hair], "clothingColor": [clothes]}


def _tags(style: str, options: dict[str, object], background_name: str) -> list[str]:
    tags = [f"{style} style"]
    for component, variants in VARIANT_TAGS[style].items():
        variant = options.get(f"{component}Variant")
        if variant is not None:
            tags += [tag for tag in variants[str(variant)].split(", ") if tag]
    tags = [tag for tag in tags if tag not in _hidden_tags(set(tags))]
    present = set(tags)
    if style == "toon-head" and "hair bun" not in present and options.get("rearHairVariant") is None:
        tags.append("short hair")
    hair_key = "headContrastColor" if style == "open-peeps" else "hairColor"
    hair = _first(options.get(hair_key))
    if style == "open-peeps":
        head = str(options["headVariant"])
        if head.startswith("gray"):
            hair = "#a9adb3"
        elif hair is None:
            hair = "#000000"
    hatted = present & HAT_TAGS
    if hair and not (present & NO_HAIR_TAGS) and not (hatted and style in ("voxel-art", "personas", "open-peeps")):
        tags.append(f"{nearest_colour(hair, HAIR_COLOURS)} hair")
    if hatted:
        key = "hatColor" if style == "voxel-art" else hair_key
        hat = _first(options.get(key))
        if hat:
            tags.append(f"{nearest_colour(hat, CLOTHES_COLOURS)} {min(hatted)}")
    tags += _clothes_tags(style, options, present)
    skin = _first(options.get("baseColor" if style == "micah" else "skinColor"))
    if skin:
        tags.append(skin_tag(skin))
    tags.append(f"{background_name} background")
    return tags


def _hidden_tags(present: set[str]) -> set[str]:
    """What a mask or dark glasses cover cannot be seen, so it gets no word."""
    hidden: set[str] = set()
    if present & {"face mask", "respirator", "pacifier"}:
        hidden |= MOUTH_TAGS
    if present & {"sunglasses", "visor", "sleep mask"}:
        hidden |= EYE_TAGS
    return hidden


def _clothes_tags(style: str, options: dict[str, object], present: set[str]) -> list[str]:
    key = {
        "voxel-art": "shirtColor",
        "open-peeps": "clothingColor",
        "toon-head": "clothesColor",
        "micah": "shirtColor",
        "personas": "clothingColor",
    }.get(style)
    shirt = _first(options.get(key)) if key else None
    if not shirt:
        return []
    colour = nearest_colour(shirt, CLOTHES_COLOURS)
    if style == "voxel-art" and present & {"jacket", "coat", "suit"}:
        jacket = _first(options.get("jacketColor"))
        garment = min(present & {"jacket", "coat", "suit"})
        return [f"{nearest_colour(jacket, CLOTHES_COLOURS)} {garment}"] if jacket else []
    garment = next((g for g in ("dress", "jacket") if g in present), "shirt")
    return [f"{colour} {garment}"]


def _first(value: object) -> str | None:
    return str(value[0]) if isinstance(value, list) and value else None


def _shade(rng: np.random.Generator, shades: tuple[str, ...]) -> str:
    """One of the shades, moved a little, so that no single hex value is learnt."""
    rgb = np.array(_rgb(str(rng.choice(shades))), float) + rng.normal(0, 4, 3)
    return "#" + "".join(f"{int(v):02x}" for v in np.clip(rgb, 0, 255))


def _rgb(hex_colour: str) -> tuple[int, int, int]:
    value = hex_colour.lstrip("#")
    return int(value[0:2], 16), int(value[2:4], 16), int(value[4:6], 16)


@lru_cache(maxsize=65536)
def _lab(rgb: tuple[int, int, int]) -> np.ndarray:
    """sRGB (0..255) to CIE L*a*b*, D65 white."""
    linear = np.array(rgb, float) / 255
    linear = np.where(linear > 0.04045, ((linear + 0.055) / 1.055) ** 2.4, linear / 12.92)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    xyz /= np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
