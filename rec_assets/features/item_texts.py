"""Stage ``item_texts``: one clean line of text per article."""

import pandas as pd
from tqdm import tqdm

from rec_assets.columns import DESCRIPTION, SKU, TEXT, TITLE, UNKNOWN
from rec_assets.errors import ParamsError
from rec_assets.features.clean_text import cap, clean_text
from rec_assets.features.filled import filled_articles
from rec_assets.files import read_table, write_table
from rec_assets.params import ItemTexts, Params
from rec_assets.pipeline import StageReport
from rec_assets.workspace import Workspace


def run(workspace: Workspace, params: Params) -> StageReport:
    """Write ``item_texts.parquet(sku, title, text)``, sorted by SKU, with attributes that heads filled."""
    catalogue = read_table(workspace.validated / "articles.parquet")
    articles, filled = filled_articles(catalogue, workspace)
    texts = item_texts(articles, params.item_texts)
    write_table(texts, workspace.item_texts)
    length = texts[TEXT].str.len()
    untitled = int((texts[TITLE] == UNKNOWN).sum())
    return StageReport(
        summary=f"{len(texts):,} article texts; {untitled:,} without a title.",
        rows={"item_texts": len(texts)},
        metrics={"mean_characters": float(length.mean()) if len(texts) else 0.0, "untitled": float(untitled)}
        | {"filled_attributes": float(filled)},
        tables={"examples": texts.head(10)},
    )


def item_texts(articles: pd.DataFrame, section: ItemTexts) -> pd.DataFrame:
    """Compose each article's title and text from the columns that ``item_texts.fields`` names.

    Attributes are joined by commas, the description follows as a sentence of its own. A missing field is left
    out, and so is one that says the same as a field before it. An article without a title is ``unknown``.

    Raises
    ------
    ParamsError
        When a field is no column of the catalogue.

    Examples
    --------
    >>> row = {"sku": "1", "title": "Slim <b>trousers</b>", "colour": "black", "description": "Soft cotton."}
    >>> fields = ("title", "colour", "description")
    >>> item_texts(pd.DataFrame([row]), ItemTexts(fields=fields))["text"].item()
    'Slim trousers, black. Soft cotton.'
    """
    unknown = [field for field in section.fields if field not in articles.columns]
    if unknown:
        raise ParamsError(
            f"item_texts.fields names {', '.join(unknown)}, which the articles table does not have.",
            f"Choose from: {', '.join(column for column in articles.columns if column != SKU)}.",
        )
    limit = section.max_characters
    cleaned = {field: _cleaned(articles[field], limit) for field in {TITLE, *section.fields}}
    titles = [title or UNKNOWN for title in cleaned[TITLE]]
    cleaned[TITLE] = titles
    rows = zip(*(cleaned[field] for field in section.fields), strict=True)
    texts = [_composed(section.fields, row, limit) or title for title, row in zip(titles, rows, strict=True)]
    frame = pd.DataFrame({SKU: articles[SKU].to_numpy(), TITLE: titles, TEXT: texts})
    return frame.astype("object").sort_values(SKU, kind="stable", ignore_index=True)


def _cleaned(column: "pd.Series[str]", limit: int) -> list[str]:
    # Categories and colours repeat thousands of times: each distinct value is cleaned once.
    codes, values = pd.factorize(column)
    name = str(column.name)
    distinct = [clean_text(value, limit) for value in tqdm(values, desc=f"clean {name}", delay=1)]
    return [distinct[code] if code >= 0 else "" for code in codes]


def _composed(fields: tuple[str, ...], values: tuple[str, ...], limit: int) -> str:
    said: set[str] = set()
    text = ""
    for field, value in zip(fields, values, strict=True):
        if not value or value.casefold() in said:
            continue
        said.add(value.casefold())
        joint = (". " if field == DESCRIPTION else ", ") if text else ""
        text = text.rstrip(".") + joint + value
    return cap(text, limit)
