"""Every parameter with its value and meaning, read from the typed sections themselves."""

from rec_assets.params import Params, Section


def explain(params: Params) -> list[tuple[str, str, str]]:
    """Give ``(key, value, meaning)`` of every leaf, in the file's order."""
    return _section(params, "")


def _section(section: Section, prefix: str) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    for name, field in type(section).model_fields.items():
        value, key = getattr(section, name), f"{prefix}{name}"
        if isinstance(value, Section):
            rows += _section(value, f"{key}.")
        elif isinstance(value, dict) and any(isinstance(inner, Section) for inner in value.values()):
            for label, inner in value.items():
                rows += _section(inner, f"{key}.{label}.")
        else:
            rows.append((key, _said(value), field.description or (type(section).__doc__ or "").strip()))
    return rows


def _said(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return repr(value) if isinstance(value, str) and "\n" in value else str(value)
