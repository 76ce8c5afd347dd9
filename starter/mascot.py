"""Chibi people in parameterised SVG, among them `mame`, the project's mascot: a bean sprite (drawn here, CC0).

``MAME`` is the mascot: green bobbed hair, bean pods for ears, suspenders and shorts. ``draw_mixture(index)`` draws
other people with the same parts in random colours, for the tagger's corpus; it never draws the mascot's own
combination, so nothing shipped has seen her before a LoRA is trained. The drawing is bold on purpose: 512 units wide
with outlines of 9, so that everything that has a tag can still be seen at 128 pixels.

Tags follow the corpus: plain words, style first, background last, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from corpus import (
    BACKGROUND_COLOURS,
    CLOTHES_COLOURS,
    COLOURS,
    HAIR_COLOURS,
    SIZE,
    Picture,
    _lab,
    _rgb,
    _shade,
    nearest_colour,
    skin_tag,
)

STYLE = "chibi"
INK = "#2e2a33"
LINE = 9
SKINS = ("#ffe6d2", "#fbd9bd", "#e8b48c", "#d39a6e", "#a9714b", "#8a5a3a", "#7a5238", "#6a452f")
HAIR_TAGS = {
    "bob": ("bob cut", "bangs"),
    "long": ("long hair", "bangs"),
    "twin tails": ("twin tails",),
    "buns": ("hair buns",),
    "spiky": ("spiky hair", "short hair"),
    "curly": ("curly hair",),
    "braids": ("braids",),
}
EAR_TAGS = {"bean pods": ("bean pod ears",), "cat": ("cat ears",), "bunny": ("bunny ears",), "human": (), "none": ()}
SPROUT_TAGS = {"vine curl": ("vine curl",), "leaves": ("leaf sprout",), "none": ()}
TOP_GARMENTS = {
    "suspenders": ("suspenders", "collared shirt"),
    "t-shirt": ("t-shirt",),
    "stripes": ("striped shirt",),
    "hoodie": ("hoodie",),
    "dress": ("dress",),
    "turtleneck": ("turtleneck",),
}
BOTTOMS = ("shorts", "skirt", "trousers")
EYES = {
    "open": "open eyes", "happy": "happy eyes", "closed": "closed eyes", "wink": "wink", "wide": "wide eyes",
    "sleepy": "sleepy eyes", "star": "star eyes", "side": "looking to the side",
}  # fmt: skip
MOUTHS = {
    "smile": "smile", "open": "open mouth, smile", "laugh": "laughing", "ooh": "surprised", "frown": "frown",
    "flat": "flat mouth", "tongue": "tongue out", "smirk": "smirk", "grin": "grin",
}  # fmt: skip
BROWS = {"plain": "", "angry": "angry eyebrows", "sad": "sad eyebrows", "raised": "raised eyebrows"}
EXPRESSIONS: dict[str, tuple[str, str, str]] = {
    "smile": ("open", "smile", "plain"),
    "happy": ("happy", "open", "raised"),
    "laughing": ("happy", "laugh", "plain"),
    "wink": ("wink", "tongue", "plain"),
    "surprised": ("wide", "ooh", "raised"),
    "angry": ("open", "frown", "angry"),
    "sad": ("open", "frown", "sad"),
    "asleep": ("closed", "smile", "plain"),
    "sleepy": ("sleepy", "flat", "plain"),
    "star-struck": ("star", "open", "raised"),
    "sly": ("side", "smirk", "plain"),
}
POSES = {
    "down": (), "waving": ("waving",), "up": ("arms up",), "hips": ("hands on hips",), "pointing": ("pointing",),
    "spread": ("arms spread",), "cheeks": ("hands on cheeks",),
}  # fmt: skip
SCENES = {
    "flat": (), "dots": ("polka dots",), "stripes": ("stripes",), "sky": ("sky", "clouds"), "hills": ("sky", "hills"),
    "room": ("room", "window"), "night": ("night sky", "stars"),
}  # fmt: skip


@dataclass(frozen=True)
class Sprite:
    """Everything one drawing depends on. Colours are hex; lengths are in the 512-unit square."""

    hair_style: str = "bob"
    hair: str = "#58b368"
    ears: str = "bean pods"
    ear_colour: str = "#a9d155"
    sprout: str = "vine curl"
    top: str = "suspenders"
    top_colour: str = "#fdeb9a"
    bottom: str = "shorts"
    bottom_colour: str = "#8a5a3c"
    shoes: str = "#c8553d"
    eye_colour: str = "#4d7d3f"
    skin: str = "#ffe3cd"
    blush: bool = True
    eyes: str = "open"
    mouth: str = "smile"
    brows: str = "plain"
    pose: str = "down"
    jumping: bool = False
    tilt: float = 0.0
    scene: str = "flat"
    background: str = "#a8cdf5"
    framing: str = "full body"
    scale: float = 1.0
    shift_x: float = 0.0
    flip: bool = False

    def feeling(self, expression: str) -> Sprite:
        """The same person with another face."""
        eyes, mouth, brows = EXPRESSIONS[expression]
        return replace(self, eyes=eyes, mouth=mouth, brows=brows)


MAME = Sprite()
MAME_TAGS = frozenset({"green hair", "bob cut", "bean pod ears", "suspenders", "shorts"})
"""What makes the mascot herself: nobody in the tagger's corpus has all of these."""


def draw_sprite(sprite: Sprite) -> Picture:
    """The drawing and its tags; render it with ``corpus.render`` at any size."""
    s = sprite
    scale = max(s.scale, 1.0) * 1.27 if s.framing == "upper body" else s.scale
    focus_y, centre_y = (268, 268) if s.framing == "full body" else (213, 262)
    mirror = "translate(512 0) scale(-1 1)" if s.flip else ""
    place = f"translate({256 + s.shift_x} {centre_y}) scale({scale}) translate(-256 {-focus_y})"
    lift = -24 if s.jumping and s.framing == "full body" else 0
    body = (
        f'<g transform="translate(0 {lift})">{_behind_body(s)}{_legs(s)}{_body(s)}{_arms(s, front=False)}'
        f'<g transform="rotate({s.tilt} 256 310)">{_head(s)}</g>{_arms(s, front=True)}</g>'
    )
    shadow = f'<ellipse cx="256" cy="494" rx="{74 if s.jumping else 92}" ry="11" fill="#000000" opacity="0.16"/>'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512" width="{SIZE}" height="{SIZE}">'
        f'<g stroke-linejoin="round" stroke-linecap="round">{_scene(s)}'
        f'<g transform="{mirror}"><g transform="{place}">{shadow}{body}</g></g></g></svg>'
    )
    return Picture(STYLE, svg, s.background, tags_of(sprite))


def tags_of(sprite: Sprite) -> tuple[str, ...]:
    """Style, hair, ears, eyes, mouth, clothes, pose, framing, skin, background: only what can be seen."""
    s = sprite
    tags = [f"{STYLE} style", f"{nearest_colour(s.hair, HAIR_COLOURS)} hair", *HAIR_TAGS[s.hair_style]]
    tags += [*EAR_TAGS[s.ears], *SPROUT_TAGS[s.sprout]]
    tags += [EYES[s.eyes], *MOUTHS[s.mouth].split(", ")]
    tags += [BROWS[s.brows]] if BROWS[s.brows] else []
    tags += ["blush"] if s.blush else []
    garment = {"dress": "dress", "hoodie": "hoodie"}.get(s.top, "shirt")
    tags += [*TOP_GARMENTS[s.top], f"{nearest_colour(s.top_colour, CLOTHES_COLOURS)} {garment}"]
    if s.top != "dress" and s.framing == "full body":
        tags += [s.bottom, f"{nearest_colour(s.bottom_colour, CLOTHES_COLOURS)} {s.bottom}"]
    tags += POSES[s.pose]
    tags += ["jumping"] if s.jumping and s.framing == "full body" else []
    tags += [s.framing, skin_tag(s.skin), *SCENES[s.scene]]
    if s.scene in ("flat", "dots", "stripes"):
        tags.append(f"{nearest_colour_of_background(s.background)} background")
    return tuple(dict.fromkeys(tags))


def draw_mixture(index: int) -> Picture:
    """Somebody else with the mascot's parts: a function of ``index`` alone, never the mascot's own combination."""
    rng = np.random.default_rng([20261123, index])
    while True:
        picture = draw_sprite(random_sprite(rng))
        if not is_mame(picture.tags):
            return picture


def is_mame(tags: tuple[str, ...]) -> bool:
    """Whether these tags are the mascot's own combination. Shorts hidden by an upper-body framing still count."""
    missing = MAME_TAGS - set(tags)
    return not missing or (missing == {"shorts"} and "upper body" in tags)


def random_sprite(rng: np.random.Generator) -> Sprite:
    """Any mixture of the parts, the mascot's included."""

    def one(names: Iterable[str]) -> str:
        return str(rng.choice(list(names)))

    def colour(names: tuple[str, ...], *avoid: str) -> str:
        for _ in range(20):
            shade = _shade(rng, COLOURS[one(names)])
            if all(float(np.sum((_lab(_rgb(shade)) - _lab(_rgb(a))) ** 2)) > 350 for a in avoid):
                break
        return shade

    background = _shade(rng, BACKGROUND_COLOURS[one(BACKGROUND_COLOURS)])
    scene = str(rng.choice(list(SCENES), p=(0.46, 0.09, 0.09, 0.09, 0.09, 0.09, 0.09)))
    hair = colour(HAIR_COLOURS, background)
    top_colour = colour(CLOTHES_COLOURS, hair, background)
    top = str(rng.choice(list(TOP_GARMENTS), p=(0.35, 0.13, 0.13, 0.13, 0.13, 0.13)))
    skin = _shade(rng, SKINS)
    pod = _shade(rng, ("#a9d155", "#8fc04a", "#c3de74", "#7bbf5a", "#d8d26a", "#b08850", "#c98fb0", "#9fb8e0"))
    person = Sprite(
        hair_style=str(rng.choice(list(HAIR_TAGS), p=(0.28, 0.12, 0.12, 0.12, 0.12, 0.12, 0.12))),
        hair=hair,
        ears=str(rng.choice(list(EAR_TAGS), p=(0.4, 0.15, 0.13, 0.2, 0.12))),
        ear_colour=pod,
        sprout=str(rng.choice(list(SPROUT_TAGS), p=(0.4, 0.2, 0.4))),
        top=top,
        top_colour=top_colour,
        bottom=str(rng.choice(BOTTOMS, p=(0.5, 0.25, 0.25))),
        bottom_colour=colour(CLOTHES_COLOURS, top_colour, background),
        shoes=colour(CLOTHES_COLOURS),
        eye_colour=one(("#4d7d3f", "#7a5230", "#3f68b0", "#8a4a86", "#5b5966", "#a8622c")),
        skin=skin,
        blush=bool(rng.random() < 0.6),
        pose=one(POSES),
        jumping=bool(rng.random() < 0.2),
        tilt=round(float(rng.uniform(-9, 9)), 1),
        scene=scene,
        background=background,
        framing="upper body" if rng.random() < 0.3 else "full body",
        scale=round(float(rng.uniform(0.9, 1.05)), 3),
        shift_x=round(float(rng.uniform(-14, 14)), 1),
        flip=bool(rng.random() < 0.5),
    )
    if rng.random() < 0.7:
        return person.feeling(one(EXPRESSIONS))
    return replace(person, eyes=one(EYES), mouth=one(MOUTHS), brows=one(BROWS))


def nearest_colour_of_background(hex_colour: str) -> str:
    """Backgrounds are paler than clothes, so they are named after their own shades."""
    lab = _lab(_rgb(hex_colour))
    return min(
        BACKGROUND_COLOURS,
        key=lambda name: min(float(np.sum((_lab(_rgb(shade)) - lab) ** 2)) for shade in BACKGROUND_COLOURS[name]),
    )


# ---------------------------------------------------------------------------------------------------------- pens


def _path(d: str, fill: str, line: float = LINE, ink: str = INK, more: str = "") -> str:
    stroke = f'stroke="{ink}" stroke-width="{line}"' if line else ""
    return f'<path d="{d}" fill="{fill}" {stroke} {more}/>'


def _ellipse(cx: float, cy: float, rx: float, ry: float, fill: str, line: float = 0, more: str = "") -> str:
    stroke = f'stroke="{INK}" stroke-width="{line}"' if line else ""
    return f'<ellipse cx="{cx}" cy="{cy}" rx="{rx}" ry="{ry}" fill="{fill}" {stroke} {more}/>'


def _stroke(d: str, colour: str, width: float) -> str:
    return f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _tube(d: str, colour: str, width: float) -> str:
    """A limb: a thick line with an outline."""
    return _stroke(d, INK, width + 2 * LINE - 2) + _stroke(d, colour, width)


def _both(part: str) -> str:
    """A part and its mirror image."""
    return f'{part}<g transform="translate(512 0) scale(-1 1)">{part}</g>'


def _tint(hex_colour: str, amount: float) -> str:
    """Towards white for positive amounts, towards black for negative ones."""
    rgb = np.array(_rgb(hex_colour), float)
    target = 255.0 if amount > 0 else 0.0
    rgb = rgb + (target - rgb) * abs(amount)
    return "#" + "".join(f"{round(v):02x}" for v in rgb)


# ---------------------------------------------------------------------------------------------------------- head


def _head(s: Sprite) -> str:
    return f"{_back_hair(s)}{_ears_behind(s)}{_sprout(s)}{_face(s)}{_front_hair(s)}{_ears_before(s)}{_brows(s)}"


def _face(s: Sprite) -> str:
    skin = (
        "M150 200 C146 270 190 314 256 314 C322 314 366 270 362 200 C358 130 320 100 256 100 C192 100 154 130 150 200Z"
    )
    human = _both(_ellipse(148, 236, 17, 22, s.skin, LINE)) if s.ears == "human" and s.hair_style != "bob" else ""
    cheeks = _both(_ellipse(174, 270, 20, 12, "#f58f93", more='opacity="0.6"')) if s.blush else ""
    return human + _path(skin, s.skin) + cheeks + _eyes(s) + _mouth(s)


def _eyes(s: Sprite) -> str:
    left, right, y = 204, 308, 230

    def arc(x: float, dy: float) -> str:
        return _stroke(f"M{x - 23} {y + 4 + dy / 3} Q{x} {y - dy} {x + 23} {y + 4 + dy / 3}", INK, 10)

    def open_eye(x: float, rx: float = 20, ry: float = 29) -> str:
        return (
            _ellipse(x, y, rx, ry, INK)
            + _ellipse(x, y + 10, rx - 6, ry - 14, s.eye_colour)
            + _ellipse(x + 6, y - 12, 8, 9, "#ffffff")
            + _ellipse(x - 7, y + 13, 5, 5, "#ffffff")
        )

    match s.eyes:
        case "open":
            return open_eye(left) + open_eye(right)
        case "happy":
            return arc(left, 24) + arc(right, 24)
        case "closed":
            return arc(left, -22) + arc(right, -22)
        case "wink":
            return open_eye(left) + arc(right, 24)
        case "wide":
            return "".join(
                _ellipse(x, y, 27, 30, "#ffffff", 7)
                + _ellipse(x, y, 10, 12, INK)
                + _ellipse(x + 4, y - 5, 4, 4, "#ffffff")
                for x in (left, right)
            )
        case "sleepy":
            return "".join(
                _path(
                    f"M{x - 20} {y - 2} L{x + 20} {y - 2} C{x + 18} {y + 26} {x - 18} {y + 26} {x - 20} {y - 2}Z",
                    INK,
                    0,
                )
                + _stroke(f"M{x - 24} {y - 2} L{x + 24} {y - 2}", INK, 9)
                + _ellipse(x + 5, y + 7, 5, 4, "#ffffff")
                for x in (left, right)
            )
        case "star":
            return "".join(_ellipse(x, y, 24, 28, INK) + _star(x, y, 19, "#ffd84a") for x in (left, right))
        case _:
            return "".join(
                _ellipse(x, y, 25, 26, "#ffffff", 7)
                + _ellipse(x + 11, y + 1, 12, 18, INK)
                + _ellipse(x + 14, y - 7, 4, 5, "#ffffff")
                for x in (left, right)
            )


def _star(x: float, y: float, r: float, fill: str) -> str:
    points = []
    for i in range(10):
        radius, angle = (r if i % 2 == 0 else r * 0.45), np.pi * (i / 5 - 0.5)
        points.append(f"{x + radius * np.cos(angle):.1f},{y + radius * np.sin(angle):.1f}")
    return f'<polygon points="{" ".join(points)}" fill="{fill}"/>'


def _mouth(s: Sprite) -> str:
    red, tongue = "#a8323e", "#f27f86"
    match s.mouth:
        case "smile":
            return _stroke("M236 272 Q256 292 276 272", INK, 8)
        case "open":
            return _path("M230 268 Q256 274 282 268 C282 304 230 304 230 268Z", red, 7) + _ellipse(
                256, 290, 13, 6, tongue
            )
        case "laugh":
            d = "M220 264 Q256 272 292 264 C294 316 218 316 220 264Z"
            return (
                _path(d, red, 7)
                + _path("M228 269 Q256 276 284 269 L281 279 Q256 284 231 279Z", "#ffffff", 0)
                + _ellipse(256, 296, 17, 7, tongue)
            )
        case "ooh":
            return _ellipse(256, 282, 13, 16, red, 7)
        case "frown":
            return _stroke("M234 286 Q256 264 278 286", INK, 8)
        case "flat":
            return _stroke("M238 278 L274 278", INK, 8)
        case "tongue":
            return _path("M250 277 L275 274 C279 300 252 304 250 277Z", tongue, 6) + _stroke(
                "M232 268 Q256 288 282 268", INK, 8
            )
        case "smirk":
            return _stroke("M236 280 Q262 288 282 264", INK, 8)
        case _:
            return _path("M224 266 Q256 276 288 266 C286 296 226 296 224 266Z", "#ffffff", 7) + _stroke(
                "M232 280 L280 280", INK, 4
            )


def _brows(s: Sprite) -> str:
    ink = _tint(s.hair, -0.62)
    match s.brows:
        case "angry":
            return _both(_stroke("M180 174 L226 194", ink, 10))
        case "sad":
            return _both(_stroke("M180 190 Q200 182 224 168", ink, 9))
        case "raised":
            return _both(_stroke("M186 170 Q204 154 224 166", ink, 8))
        case _:
            return ""


def _behind_body(s: Sprite) -> str:
    """Hair that falls behind the shoulders."""
    dark = _tint(s.hair, -0.16)
    match s.hair_style:
        case "long":
            return _path("M112 190 C92 300 98 380 124 424 C160 440 352 440 388 424 C414 380 420 300 400 190Z", dark)
        case "twin tails":
            return _both(_path("M124 150 C52 146 22 240 50 372 C62 386 74 384 80 366 C98 330 116 300 128 230Z", s.hair))
        case "braids":
            return ""
        case _:
            return ""


def _back_hair(s: Sprite) -> str:
    dark = _tint(s.hair, -0.16)
    match s.hair_style:
        case "bob":
            d = (
                "M256 56 C160 56 106 122 104 208 C100 256 100 292 116 318 C130 334 164 332 184 312 L328 312 "
                "C348 332 382 334 396 318 C412 292 412 256 408 208 C406 122 352 56 256 56Z"
            )
        case "long" | "twin tails" | "buns" | "braids":
            d = (
                "M256 58 C160 58 112 122 112 208 C112 250 120 286 150 300 L362 300 C392 286 400 250 400 208 C400 "
                "122 352 58 256 58Z"
            )
        case "spiky":
            d = (
                "M256 70 C170 70 124 130 124 205 L112 262 L146 258 L150 288 L362 288 L366 258 L400 262 L388 205 "
                "C388 130 342 70 256 70Z"
            )
        case _:
            d = (
                "M256 70 C160 70 110 130 114 210 C116 250 130 280 150 290 L362 290 C382 280 396 250 398 210 C402 "
                "130 352 70 256 70Z"
            )
    extra = ""
    if s.hair_style == "buns":
        extra = _both(
            _ellipse(142, 82, 46, 44, s.hair, LINE)
            + _stroke("M124 74 Q144 58 162 80 Q150 98 138 90", _tint(s.hair, -0.3), 6)
        )
    if s.hair_style == "curly":
        bumps = ((118, 250, 36), (104, 196, 38), (118, 138, 40), (160, 92, 42), (214, 66, 42))
        extra = "".join(_both(_ellipse(x, y, r, r, s.hair, LINE)) for x, y, r in bumps) + _ellipse(
            256, 62, 40, 40, s.hair, LINE
        )
        return extra + _ellipse(256, 176, 128, 112, s.hair)
    if s.hair_style == "braids":
        knots = "".join(
            _ellipse(x, y, rx, 25, s.hair, LINE)
            for x, y, rx in ((112, 384, 20), (110, 348, 25), (110, 310, 28), (120, 272, 29))
        )
        extra = _both(_ellipse(114, 414, 13, 16, s.hair, 7) + knots + _ellipse(113, 400, 16, 8, "#e8604c", 6))
    return extra + _path(d, dark)


def _front_hair(s: Sprite) -> str:
    shine = _stroke("M166 128 Q190 92 226 82", _tint(s.hair, 0.4), 12)
    cap = "M112 206 C112 120 168 58 256 58 C344 58 400 120 400 206"
    match s.hair_style:
        case "bob":
            d = (
                "M104 208 C106 122 160 56 256 56 C352 56 406 122 408 208 C412 256 412 292 396 318 C376 330 352 318 "
                "350 294 "
                "C360 262 360 214 348 172 C334 182 314 181 302 170 C292 184 268 186 256 173 C244 186 220 184 210 170 "
                "C198 181 178 182 164 172 C152 214 152 262 162 294 C160 318 136 330 116 318 C100 292 100 256 104 208Z"
            )
        case "long":
            d = (
                f"{cap} C402 250 396 292 384 318 C366 300 358 250 350 182 C322 182 300 164 288 134 C276 168 236 184 "
                "164 182 "
                "C154 250 146 300 128 318 C116 292 110 250 112 206Z"
            )
        case "twin tails" | "braids":
            d = (
                f"{cap} C398 236 388 254 376 262 C370 232 356 196 334 176 C300 172 268 148 256 116 C244 148 212 172 "
                "178 176 C156 196 142 232 136 262 C124 254 114 236 112 206Z"
            )
        case "buns":
            d = (
                f"{cap} C398 236 390 250 376 262 C372 220 364 196 350 174 C330 184 312 184 300 170 C280 184 232 184 "
                "212 170 C200 184 182 184 162 174 C148 196 140 220 136 262 C122 250 114 236 112 206Z"
            )
        case "spiky":
            d = (
                "M124 250 L98 218 L126 196 L92 156 L134 140 L118 92 L172 98 L176 48 L224 76 L256 26 L288 76 L336 "
                "48 L340 98 "
                "L394 92 L378 140 L420 156 L386 196 L414 218 L388 250 C376 236 366 214 356 178 L330 190 L310 156 "
                "L284 192 L256 158 "
                "L228 192 L202 156 L182 190 L156 178 C146 214 136 236 124 250Z"
            )
            shine = ""
        case _:
            d = (
                "M140 214 C116 170 140 130 172 118 C190 84 236 76 256 92 C276 76 322 84 340 118 C372 130 396 170 "
                "372 214 "
                "C362 200 354 188 350 172 C334 188 314 184 306 168 C292 186 268 186 256 168 C244 186 220 186 206 168 "
                "C198 184 178 188 162 172 C160 196 150 206 140 214Z"
            )
            shine = _stroke("M170 142 Q186 116 216 108", _tint(s.hair, 0.4), 11)
    strands = ""
    if s.hair_style == "bob":
        dark = _tint(s.hair, -0.24)
        strands = _both(_stroke("M210 168 Q208 150 214 134", dark, 6) + _stroke("M134 300 Q126 266 132 234", dark, 6))
    ties = ""
    if s.hair_style == "twin tails":
        ties = _both(_ellipse(122, 158, 17, 21, "#e8604c", 7))
    return _path(d, s.hair) + strands + shine + ties


# ---------------------------------------------------------------------------------------------------------- ears


def _ears_behind(s: Sprite) -> str:
    """Ears that grow from behind the hair."""
    if s.ears == "bunny":
        ear = _path("M182 92 C140 30 132 -22 158 -26 C192 -28 214 30 222 84Z", s.hair) + _path(
            "M184 70 C160 28 152 -2 164 -4 C182 -4 198 36 202 66Z", "#f6b4bb", 0
        )
        return _both(f'<g transform="translate(-6 26)">{ear}</g>')
    return ""


def _ears_before(s: Sprite) -> str:
    if s.ears == "bean pods":
        return _both(f'<g transform="translate(384 212) rotate(-26)">{_pod(s.ear_colour)}</g>')
    if s.ears == "cat":
        ear = _path("M130 140 C112 84 112 48 122 34 C152 40 190 62 208 82", s.hair) + _path(
            "M140 112 C130 84 130 64 134 56 C154 62 174 74 184 86Z", "#f6b4bb", 0
        )
        return _both(ear)
    return ""


def _pod(colour: str) -> str:
    """A bean pod lying along +x from the origin, its three beans showing."""
    bean = _tint(colour, 0.42)
    edge = _tint(colour, -0.38)
    husk = _path(
        "M-18 2 C-10 -32 26 -44 56 -40 C82 -36 100 -26 124 -32 C122 -2 100 32 60 38 C24 42 -12 32 -18 2Z",
        colour,
    )
    beans = "".join(
        f'<ellipse cx="{x}" cy="{y}" rx="{r}" ry="{r * 0.92:.1f}" fill="{bean}" stroke="{edge}" stroke-width="5"/>'
        for x, y, r in ((12, -1, 15), (47, -2, 19), (83, -5, 14))
    )
    return husk + beans


def _sprout(s: Sprite) -> str:
    if s.sprout == "vine curl":
        d = "M256 66 C250 40 262 16 288 16 C312 16 316 46 294 48 C280 48 278 34 288 32"
        return _stroke(d, INK, 22) + _stroke(d, s.ear_colour, 9)
    if s.sprout == "leaves":
        stem = _stroke("M256 66 L256 44", INK, 20) + _stroke("M256 66 L256 44", s.ear_colour, 8)
        leaf = _path("M256 46 C246 18 214 8 192 20 C200 44 230 56 256 46Z", s.ear_colour, 8)
        return stem + _both(leaf)
    return ""


# ---------------------------------------------------------------------------------------------------------- body


def _legs(s: Sprite) -> str:
    if s.top != "dress" and s.bottom == "trousers":
        limb, width = s.bottom_colour, 36
    else:
        limb, width = s.skin, 26
    if s.jumping:
        left, right = "M222 424 Q212 456 182 468", "M290 424 Q300 456 330 468"
        shoes = (
            f'<g transform="rotate(-34 172 474)">{_shoe(172, 474, s)}</g>'
            f'<g transform="rotate(34 340 474)">{_shoe(340, 474, s)}</g>'
        )
    else:
        left, right = "M226 424 L222 470", "M286 424 L290 470"
        shoes = _shoe(214, 480, s) + _shoe(298, 480, s)
    return _tube(left, limb, width) + _tube(right, limb, width) + shoes


def _shoe(x: float, y: float, s: Sprite) -> str:
    return _ellipse(x, y, 31, 18, s.shoes, LINE)


def _body(s: Sprite) -> str:
    torso = "M214 304 C196 318 188 360 186 404 Q256 420 326 404 C324 360 316 318 298 304Z"
    shirt = _path(torso, s.top_colour)
    dark = _tint(s.top_colour, -0.22)
    if s.top == "dress":
        return _path(
            "M216 304 C200 330 176 400 160 442 Q256 462 352 442 C336 400 312 330 296 304Z", s.top_colour
        ) + _stroke("M192 374 Q256 388 320 374", dark, 9)
    bottom = _bottom(s)
    match s.top:
        case "suspenders":
            strap = _tube("M226 306 Q222 350 218 396", s.bottom_colour, 12)
            collar = _path("M256 322 L214 314 L224 344 L256 330Z", "#ffffff", 7)
            button = _ellipse(217, 396, 9, 9, "#f7cf52", 6)
            return shirt + _both(strap) + bottom + _both(button) + _both(collar)
        case "stripes":
            bands = "".join(
                _stroke(
                    f"M{200 - i * 4} {340 + i * 26} Q256 {352 + i * 26} {312 + i * 4} {340 + i * 26}",
                    "#ffffff" if _dark(s.top_colour) else INK,
                    11,
                )
                for i in range(3)
            )
            return shirt + bands + bottom
        case "hoodie":
            hood = _path("M196 330 C206 296 306 296 316 330 C300 350 270 352 256 340 C242 352 212 350 196 330Z", dark)
            strings = _both(_stroke("M242 346 L240 372", "#ffffff", 6))
            pocket = _path("M224 376 L288 376 L298 402 L214 402Z", dark, 6)
            return bottom + shirt + pocket + hood + strings
        case "turtleneck":
            return (
                shirt
                + _path("M212 300 Q256 330 300 300 L304 322 Q256 350 208 322Z", _tint(s.top_colour, 0.15))
                + bottom
            )
        case _:
            return shirt + bottom + _stroke("M222 316 Q256 342 290 316", dark, 8)


def _dark(hex_colour: str) -> bool:
    return float(_lab(_rgb(hex_colour))[0]) < 72


def _bottom(s: Sprite) -> str:
    match s.bottom:
        case "shorts":
            d = "M188 390 Q256 406 324 390 L340 446 Q304 456 264 448 L256 428 L248 448 Q208 456 172 446Z"
            cuffs = _stroke("M178 438 Q210 446 246 440", _tint(s.bottom_colour, -0.3), 6)
            return _path(d, s.bottom_colour) + _both(cuffs)
        case "skirt":
            folds = "".join(
                _stroke(f"M{x} 408 L{x + (x - 256) * 0.3:.0f} 438", _tint(s.bottom_colour, -0.35), 6)
                for x in (216, 256, 296)
            )
            return _path("M190 388 Q256 404 322 388 L356 442 Q256 466 156 442Z", s.bottom_colour) + folds
        case _:
            return _path(
                "M188 390 Q256 406 324 390 L326 436 Q290 444 262 436 L256 428 L250 436 Q222 444 186 436Z",
                s.bottom_colour,
            )


ARMS: dict[str, tuple[str, str, bool]] = {
    # pose: left arm, right arm, in front of the head
    "down": ("M206 334 Q184 356 174 390", "M306 334 Q328 356 338 390", False),
    "waving": ("M206 334 Q184 356 174 390", "M306 336 Q366 350 410 296", True),
    "up": ("M206 336 Q140 346 98 290", "M306 336 Q372 346 414 290", True),
    "hips": ("M206 336 Q130 362 190 396", "M306 336 Q382 362 322 396", False),
    "pointing": ("M206 336 Q130 362 190 396", "M306 336 Q360 346 424 330", True),
    "spread": ("M206 336 Q150 352 92 344", "M306 336 Q362 352 420 344", True),
    "cheeks": ("M206 344 Q150 356 174 298", "M306 344 Q362 356 338 298", True),
}


def _arms(s: Sprite, *, front: bool) -> str:
    left, right, before = ARMS[s.pose]
    if before != front:
        return ""
    bare = s.top in ("t-shirt", "dress", "suspenders", "stripes")
    return _arm(left, s, bare) + _arm(right, s, bare, pointing=s.pose == "pointing")


def _arm(d: str, s: Sprite, bare: bool, pointing: bool = False) -> str:
    """A limb from shoulder to hand; short sleeves leave the lower part bare."""
    points = [float(v) for v in d.replace("M", "").replace("Q", "").split()]
    (x0, y0), (cx, cy), (x1, y1) = points[0:2], points[2:4], points[4:6]
    finger = _tube(f"M{x1} {y1} L{x1 + 24} {y1 - 6}", s.skin, 9) if pointing else ""
    hand = finger + _ellipse(x1, y1, 19, 19, s.skin, LINE)
    if not bare:
        return hand + _tube(_part(x0, y0, cx, cy, x1, y1, 0.9), s.top_colour, 26)
    return (
        hand
        + _tube(d, s.skin, 20)
        + _ellipse(x1, y1, 17, 17, s.skin)
        + _tube(_part(x0, y0, cx, cy, x1, y1, 0.42), s.top_colour, 30)
    )


def _part(x0: float, y0: float, cx: float, cy: float, x1: float, y1: float, t: float) -> str:
    """The first ``t`` of a quadratic curve (de Casteljau)."""
    ax, ay = x0 + (cx - x0) * t, y0 + (cy - y0) * t
    bx, by = cx + (x1 - cx) * t, cy + (y1 - cy) * t
    return f"M{x0} {y0} Q{ax:.1f} {ay:.1f} {ax + (bx - ax) * t:.1f} {ay + (by - ay) * t:.1f}"


# --------------------------------------------------------------------------------------------------------- scene


def _scene(s: Sprite) -> str:
    flat = f'<rect width="512" height="512" fill="{s.background}"/>'
    match s.scene:
        case "dots":
            dots = "".join(
                _ellipse(
                    x + (40 if row % 2 else 0),
                    y,
                    17,
                    17,
                    _tint(
                        s.background, 0.5 if _dark(s.background) else 0.6 if _lab(_rgb(s.background))[0] < 92 else -0.12
                    ),
                )
                for row, y in enumerate(range(28, 540, 70))
                for x in range(0, 540, 80)
            )
            return flat + dots
        case "stripes":
            light = _tint(s.background, 0.4 if _lab(_rgb(s.background))[0] < 92 else -0.1)
            return flat + "".join(
                f'<rect x="{x}" y="0" width="42" height="512" fill="{light}"/>' for x in range(0, 512, 84)
            )
        case "sky":
            clouds = _cloud(90, 96, 1.0) + _cloud(420, 60, 0.8) + _cloud(440, 330, 1.0) + _cloud(60, 380, 0.9)
            return '<rect width="512" height="512" fill="#8fcbf2"/>' + clouds
        case "hills":
            hills = _path("M-20 380 Q110 270 260 370 Q390 280 540 360 L540 530 L-20 530Z", "#8ecb7a", 0) + _path(
                "M-20 450 Q150 390 300 440 Q420 410 540 440 L540 530 L-20 530Z", "#6db463", 0
            )
            return '<rect width="512" height="512" fill="#bfe4f7"/>' + _ellipse(76, 76, 40, 40, "#ffd75e") + hills
        case "room":
            window = (
                '<rect x="318" y="54" width="160" height="180" rx="8" fill="#a9dcf7" stroke="#ffffff" '
                'stroke-width="16"/>'
                '<path d="M398 54 L398 234 M318 144 L478 144" stroke="#ffffff" stroke-width="12"/>'
            )
            floor = (
                '<rect y="420" width="512" height="92" fill="#c98f63"/><rect y="412" width="512" height="14" '
                'fill="#fff6e6"/>'
            )
            return '<rect width="512" height="512" fill="#f3d9b8"/>' + window + floor
        case "night":
            places = (
                (60, 60, 16),
                (150, 130, 11),
                (44, 220, 13),
                (460, 70, 14),
                (380, 40, 10),
                (470, 240, 14),
                (80, 350, 10),
                (440, 380, 11),
                (250, 30, 9),
                (30, 450, 12),
            )
            stars = "".join(_star(x, y, r, "#ffe9a0") for x, y, r in places)
            return (
                '<rect width="512" height="512" fill="#2b3566"/>'
                + stars
                + _path("M-20 470 Q256 420 540 470 L540 530 L-20 530Z", "#1f2850", 0)
            )
        case _:
            return flat


def _cloud(x: float, y: float, k: float) -> str:
    puffs = ((-44, 8, 28), (-14, -10, 36), (24, -2, 32), (52, 12, 22))
    return "".join(_ellipse(x + dx * k, y + dy * k, r * k, r * k, "#ffffff") for dx, dy, r in puffs)
