"""What the synthetic retailer sells: garments, styles, colours, cloths, and the words for them."""

from dataclasses import dataclass, field
from typing import Literal

Climate = Literal["winter", "summer", "all year"]
DEPARTMENTS = ("women", "men", "kids")
TIERS = ("budget", "middle", "premium")
TIER_PRICES = (0.55, 1.0, 2.2)  # times the garment's usual price
TIER_LINES = ("Everyday", "", "Atelier")  # the product line, said in the title


@dataclass(frozen=True)
class Garment:
    """A category of the catalogue.

    Parameters
    ----------
    category
        Its name in the catalogue.
    nouns
        What a title may call one piece.
    departments
        Relative supply for women, men and kids.
    weight
        Relative demand.
    price
        Usual price of the middle tier.
    cloth
        Key of :data:`CLOTHS`.
    climate
        When it is worn.
    basic
        Whether customers buy the same one again, and it stays in the catalogue.
    purpose
        What a description says it is for.
    """

    category: str
    nouns: tuple[str, ...]
    departments: tuple[float, float, float]
    weight: float
    price: float
    cloth: str
    purpose: str
    climate: Climate = "all year"
    basic: bool = False


GARMENTS: tuple[Garment, ...] = (
    Garment(
        "Coats", ("Overcoat", "Parka", "Trench Coat"), (5, 3, 2), 1.0, 119, "wool", "cold days", "winter"
    ),
    Garment(
        "Knitwear", ("Jumper", "Cardigan", "Roll-neck"), (5, 4, 3), 1.8, 49, "wool", "layering", "winter"
    ),
    Garment("Scarves", ("Scarf", "Snood"), (4, 3, 1), 0.9, 25, "wool", "windy mornings", "winter"),
    Garment("Gloves", ("Gloves", "Mittens"), (3, 3, 2), 0.6, 22, "leather", "freezing hands", "winter"),
    Garment(
        "Boots", ("Ankle Boots", "Chelsea Boots"), (5, 3, 2), 0.9, 95, "leather", "wet streets", "winter"
    ),
    Garment("Swimwear", ("Swimsuit", "Swim Shorts"), (5, 2, 3), 1.0, 29, "sport", "the pool", "summer"),
    Garment("Sandals", ("Sandals", "Slides"), (5, 2, 2), 0.9, 39, "leather", "warm evenings", "summer"),
    Garment(
        "Linen", ("Beach Shirt", "Drawstring Trousers"), (4, 4, 1), 1.0, 45, "linen", "the heat", "summer"
    ),
    Garment("Shorts", ("Shorts", "Bermudas"), (3, 4, 4), 1.0, 27, "cotton", "holidays", "summer"),
    Garment(
        "Dresses", ("Midi Dress", "Shirt Dress", "Slip Dress"), (8, 0, 3), 1.5, 55, "viscose", "dinners out"
    ),
    Garment("Skirts", ("Midi Skirt", "Pleated Skirt"), (6, 0, 2), 0.8, 39, "viscose", "the office"),
    Garment("Trousers", ("Trousers", "Chinos"), (4, 5, 2), 1.5, 45, "cotton", "long working days"),
    Garment("Jeans", ("Jeans", "Straight Jeans"), (4, 4, 3), 1.4, 55, "denim", "weekends"),
    Garment("Shirts", ("Shirt", "Oxford Shirt", "Blouse"), (4, 6, 1), 1.4, 39, "cotton", "meetings"),
    Garment("Blazers", ("Blazer", "Waistcoat"), (3, 4, 0.5), 0.7, 95, "wool", "formal occasions"),
    Garment("Hoodies", ("Hoodie", "Sweatshirt"), (3, 4, 4), 1.3, 39, "cotton", "slow Sundays"),
    Garment("Sportswear", ("Leggings", "Running Top"), (4, 4, 2), 1.2, 32, "sport", "training"),
    Garment("Sneakers", ("Sneakers", "Trainers"), (4, 5, 4), 1.2, 75, "leather", "walking all day"),
    Garment("Belts", ("Belt", "Buckle Belt"), (3, 5, 1), 0.9, 25, "leather", "a finished waist"),
    Garment("Ties", ("Tie", "Bow Tie"), (0, 6, 0.5), 0.6, 25, "viscose", "weddings"),
    Garment(
        "Bags", ("Tote Bag", "Crossbody Bag", "Backpack"), (6, 3, 2), 0.9, 59, "leather", "carrying it all"
    ),
    Garment("Jewellery", ("Necklace", "Hoop Earrings"), (6, 1, 0.5), 0.7, 19, "metal", "a little shine"),
    Garment("Pyjamas", ("Pyjama Set", "Nightdress"), (4, 2, 4), 0.7, 32, "cotton", "a good night"),
    Garment(
        "T-shirts", ("T-shirt", "Long-sleeved Tee"), (4, 4, 4), 1.9, 15, "cotton", "every day", basic=True
    ),
    Garment("Socks", ("Socks", "Ankle Socks"), (3, 4, 4), 1.0, 8, "cotton", "every drawer", basic=True),
    Garment("Tights", ("Tights", "Stockings"), (6, 0, 2), 0.7, 11, "sport", "under skirts", basic=True),
    Garment(
        "Underwear",
        ("Briefs", "Bralette", "Boxers"),
        (5, 4, 3),
        1.1,
        13,
        "cotton",
        "all-day ease",
        basic=True,
    ),
)
BY_CATEGORY = {garment.category: place for place, garment in enumerate(GARMENTS)}

# Pieces that are not cut for every department.
CUT_FOR: dict[str, tuple[str, ...]] = {
    "Swimsuit": ("women", "kids"),
    "Swim Shorts": ("men", "kids"),
    "Blouse": ("women", "kids"),
    "Nightdress": ("women", "kids"),
    "Bralette": ("women",),
    "Boxers": ("men", "kids"),
}

# The cloth tells the tier: budget, middle, premium.
CLOTHS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "wool": (("acrylic-blend", "recycled wool-blend"), ("lambswool", "wool-blend"), ("merino", "cashmere")),
    "cotton": (("cotton-blend", "jersey"), ("organic cotton", "poplin"), ("Pima cotton", "silk-cotton")),
    "leather": (("faux leather", "canvas"), ("suede", "grained leather"), ("nappa leather", "calfskin")),
    "linen": (("linen-blend",), ("linen",), ("Irish linen",)),
    "denim": (("stretch denim",), ("rigid denim",), ("selvedge denim",)),
    "viscose": (("polyester", "crinkled viscose"), ("EcoVero viscose", "satin"), ("silk", "silk crêpe")),
    "sport": (("polyester", "microfibre"), ("recycled nylon",), ("sculpting technical jersey",)),
    "metal": (("plated metal",), ("sterling silver",), ("gold vermeil",)),
}


@dataclass(frozen=True)
class Style:
    """A latent taste, and the words by which a title betrays it."""

    name: str
    fits: tuple[str, ...]
    patterns: tuple[str, ...]
    colours: tuple[str, ...]
    collection: str
    mood: str = field(default="")


STYLES: tuple[Style, ...] = (
    Style(
        "classic",
        ("Tailored", "Classic", "Heritage"),
        ("plain", "pinstriped", "checked", "houndstooth"),
        ("navy", "camel", "white", "burgundy", "grey"),
        "Club House",
        "A timeless cut with neat seams, made to be worn for years.",
    ),
    Style(
        "minimal",
        ("Clean-cut", "Boxy", "Straight"),
        ("plain", "tonal", "ribbed"),
        ("black", "white", "grey", "beige", "navy"),
        "Studio",
        "Nothing superfluous: hidden fastenings and pure lines.",
    ),
    Style(
        "romantic",
        ("Draped", "Fluted", "Delicate"),
        ("floral", "polka-dot", "lace-trimmed"),
        ("pink", "white", "red", "lilac", "cream"),
        "Garden",
        "Soft volume and fine trimmings for a tender silhouette.",
    ),
    Style(
        "street",
        ("Oversized", "Utility", "Baggy"),
        ("graphic", "logo", "camouflage"),
        ("black", "grey", "olive", "orange", "red"),
        "Block",
        "A roomy shape with a printed back and heavy stitching.",
    ),
    Style(
        "sporty",
        ("Athletic", "Slim", "Seamless"),
        ("colour-block", "side-striped", "mesh-panelled"),
        ("blue", "black", "white", "lime", "orange"),
        "Motion",
        "Quick-drying, light, and free to move with you.",
    ),
    Style(
        "bohemian",
        ("Flowing", "Relaxed", "Fringed"),
        ("paisley", "ikat", "embroidered"),
        ("rust", "cream", "olive", "burgundy", "lilac"),
        "Wander",
        "Handcrafted details and an easy, travelled look.",
    ),
)
COLOURS: tuple[str, ...] = tuple(sorted({colour for style in STYLES for colour in style.colours}))
SIZES = ("regular", "petite", "tall", "plus")
SIZE_SHARES = (0.76, 0.08, 0.08, 0.08)
