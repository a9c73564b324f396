"""The one template file: loaded, and checked against the attributes there are."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from string import Formatter

import yaml

import rec_assets
from rec_assets.columns import CUSTOMER, PURCHASES, PURCHASING_POWER, UNKNOWN
from rec_assets.errors import ParamsError
from rec_assets.features.clean_text import clean_text
from rec_assets.workspace import Workspace

# A training row predicts every purchase in it, so what purchases decide would give the answers away.
DERIVED_FROM_PURCHASES = frozenset({PURCHASING_POWER, PURCHASES})
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_KEYS = {"header", "optional", "moment", "closing"}
LONGEST_VALUE = 40  # characters; a header is never trimmed, so its parts are


@dataclass(frozen=True)
class Template:
    """The texts around the SKU tokens.

    Parameters
    ----------
    header
        Texts before the history, with customer attributes in braces; joined by blanks.
    optional
        Further text by attribute, left out where the attribute is missing or ``unknown``.
    moment
        Text that announces a purchase in a new month, with ``{month}``.
    closing
        Text that announces the month of the SKU to predict, with ``{month}``.
    """

    header: tuple[str, ...]
    optional: Mapping[str, str]
    moment: str
    closing: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """Customer attributes the header may read, each once."""
        texts = (*self.header, *self.optional.values())
        return tuple(dict.fromkeys(name for text in texts for name in _placeholders(text)))

    def render_header(self, values: Mapping[str, object]) -> str:
        """Fill in one customer's attributes, made safe by :func:`clean_text`.

        Examples
        --------
        >>> template = Template(("Age {age_band}.",), {"club": "Club {club}."}, "", "")
        >>> template.render_header({"club": "gold"})
        'Age unknown. Club gold.'
        """
        safe = {name: clean_text(values.get(name), LONGEST_VALUE) or UNKNOWN for name in self.attributes}
        extra = [text for name, text in self.optional.items() if safe[name] != UNKNOWN]
        return " ".join(_filled(text, safe) for text in (*self.header, *extra))

    def told(self, known: Collection[str]) -> "Template":
        """Leave out the parts of the header of which every attribute is one this retailer never tells.

        Parameters
        ----------
        known
            Attributes that some customer has a value for.

        Examples
        --------
        >>> Template(("{gender}", "age {age_band}"), {}, "", "").told({"gender"}).header
        ('{gender}',)
        """
        kept = tuple(
            text for text in self.header if not (names := _placeholders(text)) or set(names) & set(known)
        )
        optional = {name: text for name, text in self.optional.items() if name in known}
        return replace(self, header=kept, optional=optional)

    def moments(self) -> tuple[str, ...]:
        """Give the moment texts of the twelve months."""
        return tuple(_filled(self.moment, {"month": month}) for month in MONTHS)

    def closings(self) -> tuple[str, ...]:
        """Give the closing texts of the twelve months."""
        return tuple(_filled(self.closing, {"month": month}) for month in MONTHS)


def find_template(workspace: Workspace, path: Path) -> Path:
    """Look for ``prompts.template`` below the workspace, then beside the installed package."""
    beside_package = Path(rec_assets.__file__).parents[1]
    return next((root / path for root in (workspace.root, beside_package) if (root / path).exists()), path)


def load_template(path: Path, columns: Iterable[str]) -> Template:
    """Read a template and check every placeholder.

    Parameters
    ----------
    path
        The YAML file.
    columns
        Columns of the customer features.

    Raises
    ------
    ParamsError
        When the file is missing or malformed, or a placeholder is not available.
    """
    if not path.exists():
        raise ParamsError(
            f"The prompt template {path} does not exist.", "Mend prompts.template in params.yaml."
        )
    try:
        loaded = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}.", "Mend the line it names.") from error
    header = loaded.get("header") if isinstance(loaded, dict) else None
    parts = (header,) if isinstance(header, str) else header
    if (
        not isinstance(loaded, dict)
        or set(loaded) - _KEYS
        or not isinstance(parts, tuple | list)
        or not all(isinstance(text, str) for text in parts)
    ):
        raise ParamsError(
            f"{path} must hold 'header', a text or a list of texts, and may hold "
            f"{', '.join(sorted(_KEYS - {'header'}))}.",
            "Compare it with rec_assets/prompts/template.yaml.",
        )
    static = sorted(set(columns) - DERIVED_FROM_PURCHASES - {CUSTOMER})
    optional = {str(name): str(text) for name, text in (loaded.get("optional") or {}).items()}
    for name, text in optional.items():
        _check(path, f"optional.{name}", text, [name])
    template = Template(
        header=tuple(parts),
        # Retailers differ: an optional attribute that this one does not have is simply not said.
        optional={name: text for name, text in optional.items() if name in static},
        moment=str(loaded.get("moment") or ""),
        closing=str(loaded.get("closing") or ""),
    )
    for text in template.header:
        _check(path, "header", text, static)
    _check(path, "moment", template.moment, ["month"])
    _check(path, "closing", template.closing, ["month"])
    derived = DERIVED_FROM_PURCHASES.intersection(optional)
    if derived:
        raise ParamsError(f"{path}: optional: {_leak(min(derived))}", f"Choose from: {', '.join(static)}.")
    return template


def _check(path: Path, part: str, text: str, available: list[str]) -> None:
    for name in _placeholders(text, where=f"{path}: {part}"):
        if name in DERIVED_FROM_PURCHASES:
            raise ParamsError(f"{path}: {part}: {_leak(name)}", f"Choose from: {', '.join(available)}.")
        if name not in available:
            raise ParamsError(
                f"{path}: {part} has the placeholder {{{name}}}, which does not exist.",
                f"Choose from: {', '.join(available)}.",
            )


def _leak(name: str) -> str:
    return f"{{{name}}} is made from the purchases that the model has to predict."


def _placeholders(text: str, where: str = "template") -> list[str]:
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise ParamsError(f"{where}: {error} in {text!r}.", "Write a plain brace twice: {{ or }}.") from error
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise ParamsError(
            f"{where}: a placeholder is only a name, as in {{age_band}}.", "Drop what follows it."
        )
    return [name for _, name, _, _ in parts if name is not None]


def _filled(text: str, values: Mapping[str, str]) -> str:
    # Joined piece by piece: str.format would let a template reach into Python objects.
    return "".join(
        literal + (values[name] if name is not None else "")
        for literal, name, _, _ in Formatter().parse(text)
    )
