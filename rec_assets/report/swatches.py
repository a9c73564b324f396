"""Colour names as a shop writes them, as colours to show."""

import colorsys
import re

_COLOURS = {
    "black": "#232323", "white": "#f7f6f2", "grey": "#9a9da0", "gray": "#9a9da0", "silver": "#c3c7ca",
    "red": "#b3322f", "burgundy": "#6b1f30", "wine": "#6b1f30", "pink": "#e3a3b1", "rose": "#d99aa0",
    "orange": "#d9772f", "coral": "#e57f68", "peach": "#f1b899", "rust": "#a4502b", "terracotta": "#b8603f",
    "yellow": "#e6c34a", "mustard": "#c79a2b", "gold": "#c2a14d", "beige": "#d9c8a9", "cream": "#efe6d2",
    "ivory": "#f3eee0", "sand": "#d8c39a", "ecru": "#e6dcc3", "camel": "#b98c54", "tan": "#c39b6a",
    "brown": "#6e4a32", "mole": "#8b7a6b", "khaki": "#8c8557", "olive": "#6c6b3a", "green": "#4b7a4f",
    "mint": "#aed6bf", "sage": "#a3b095", "teal": "#2f7377", "turquoise": "#4fb0ae", "blue": "#3c679c",
    "navy": "#22304f", "denim": "#4a6488", "indigo": "#37406f", "purple": "#694a82", "lilac": "#b9a3cf",
    "lavender": "#b6aad0", "violet": "#77559a", "metal": "#a9adb0", "bronze": "#8a6a44", "copper": "#a96a4a",
    "charcoal": "#45494d", "aubergine": "#46293f", "plum": "#633a56", "nude": "#dcbfa6", "natural": "#e2d6bd",
}  # fmt: skip


def swatch(name: str | None) -> str | None:
    """Give the colour to show for a name; none when no word of it is a known colour.

    Examples
    --------
    >>> swatch("Black"), swatch("Greenish Khaki"), swatch("unknown")
    ('#232323', '#8c8557', None)
    """
    spoken = re.findall(r"[a-z]+", (name or "").lower())
    known = [_COLOURS[word] for word in spoken if word in _COLOURS]
    if not known:
        return None
    if "dark" in spoken or "deep" in spoken:
        return lightened(known[-1], 0.7)
    if "light" in spoken or "pale" in spoken:
        return lightened(known[-1], 1.3)
    return known[-1]


def lightened(colour: str, factor: float) -> str:
    """Scale a colour's lightness.

    Examples
    --------
    >>> lightened("#808080", 0.5)
    '#404040'
    """
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    scaled = colorsys.hls_to_rgb(hue, min(0.95, light * factor), saturation)
    return "#" + "".join(f"{round(255 * part):02x}" for part in scaled)
