"""The command that trains a classifier on labelled texts of any table."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from pydantic import ValidationError

from rec_assets.cli.application import SHOP, app
from rec_assets.cli.heads import read_words
from rec_assets.errors import CouturierError, TableError

if TYPE_CHECKING:
    import pandas as pd

_PROMPT = "{text}\nThis is about"


@app.command(rich_help_panel=SHOP)
def teach(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet of labelled texts.")],
    text: Annotated[list[str], typer.Option("--text", help="Column to read; several are joined.")],
    label: Annotated[str, typer.Option(help="Column to predict.")],
    out: Annotated[Path, typer.Option(help="Folder for the classifier; new, or an earlier one.")],
    mode: Annotated[
        str,
        typer.Option(
            help="linear: a head on frozen states, minutes; few_shot: solved examples in the prompt; auto: "
            "the better of the two, where training rows can tell; fine_tune: the model under the head too, "
            "longest and best."
        ),
    ] = "auto",
    prompt: Annotated[
        str | None, typer.Option(help="What precedes the label word, with {text}; by default: This is about.")
    ] = None,
    words: Annotated[
        list[str] | None, typer.Option("--words", help="Words of a label: positive=great,good.")
    ] = None,
    base: Annotated[Path | None, typer.Option(help="Base model; by default the workspace's.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Of fine_tune: epochs=5, method=qlora, …")
    ] = None,
    min_rows: Annotated[int, typer.Option(help="Labels with fewer rows are left out.")] = 4,
    max_rows: Annotated[int, typer.Option(help="A seeded sample above this.")] = 20_000,
    test_share: Annotated[float, typer.Option(help="Rows of each label held out to judge it.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Of the sample, the split and the training.")] = 1,
) -> None:
    """Train a classifier on labelled texts, judge it on held-out ones, and save it.

    Held-out accuracy stands beside that of the most frequent label and of TF-IDF with logistic regression.

    For example:
      couturier teach shop.csv --text title --label category --out my-head
      couturier teach in.csv --text review --label stars --mode few_shot --out x

    Then ask it: couturier classify "Linen shirt in olive" --head my-head
    """
    # Loads the model's libraries, which --help should not wait for.
    from rec_assets.heads.examples import choose_examples
    from rec_assets.heads.judge import scores
    from rec_assets.heads.judged_head import train_head
    from rec_assets.heads.language_model import LanguageModel
    from rec_assets.params import Head

    asked = {
        "text": text,
        "label": label,
        "mode": mode,
        "prompt": prompt or _PROMPT,
        "label_words": read_words(words) if words else None,
        "fine_tuning": _settings(setting or [], mode, seed),
        "layer": "auto",
        "pooling": "auto",
        "min_rows": min_rows,
        "max_rows": max_rows,
        "test_share": test_share,
    }
    try:
        head = Head.model_validate(asked)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + "-".join(map(str, first["loc"][:1])).replace("_", "-")
        raise CouturierError(f"{option}: {first['msg']}.", "couturier teach --help") from error
    frame = _read(table, [*text, label])
    examples = choose_examples(frame, head, out.name, seed)
    if isinstance(examples, str):
        raise TableError(f"{table.name}: {examples}.", "Label more rows, or lower --min-rows.")
    if unknown := sorted(set(head.label_words or ()) - set(examples.labels)):
        raise CouturierError(
            f"--words tells words of {unknown[0]!r}, which is no label that is left.",
            f"Labels are: {', '.join(examples.labels)}.",
        )
    for part, count in examples.rows.items():
        typer.echo(f"{count:>9,}  {part}")
    classifier, answers = train_head(LanguageModel.of(base), head, out.name, examples, seed)
    typer.echo(f"{int(examples.test.sum()):,} rows held out, {len(examples.labels)} labels. Accuracy:")
    own = scores(answers.truth, answers.probabilities.argmax(axis=1))["accuracy"]
    for name, accuracy in [
        (classifier.mode_, own),
        *((rival, scores(answers.truth, found)["accuracy"]) for rival, found in answers.rivals.items()),
    ]:
        typer.echo(f"{accuracy:9.1%}  {name}")
    sizes = classifier.save(out)
    before, after = (sizes[f"parameters_{when}"] for when in ("before", "after"))
    typer.echo(f"Saved to {out}: {after:,} of the base model's {before:,} parameters.")


def _read(table: Path, columns: list[str]) -> "pd.DataFrame":
    """Read columns of a table as text."""
    from rec_assets.sources.opening import connect, identifier, naming, open_file

    if not table.is_file():
        raise TableError(f"{table} does not exist.", "Name a CSV or Parquet file.")
    with tempfile.TemporaryDirectory() as scratch, connect() as connection:
        opened = open_file(connection, table, Path(scratch))
        if missing := [column for column in columns if column not in opened.columns]:
            raise TableError(
                f"{table.name} has no column {missing[0]!r}. Columns found: {', '.join(opened.columns)}.",
                "Change --text or --label.",
            )
        sources = {name: opened.columns[name][0] for name in columns}
        chosen = ", ".join(f"{source}::VARCHAR AS {identifier(name)}" for name, source in sources.items())
        with naming(opened):
            found: pd.DataFrame = connection.sql(f"SELECT {chosen} FROM {opened.relation}").df()
    return found


def _settings(told: list[str], mode: str, seed: int) -> dict[str, Any]:
    """Read ``key=value``."""
    from rec_assets.heads.fine_tune_settings import read_settings

    if told and mode != "fine_tune":
        raise CouturierError(f"--set {told[0]} is of --mode fine_tune; --mode is {mode}.", "Leave it out.")
    pairs = [one.partition("=") for one in told]
    if odd := [key for key, mark, _ in pairs if not mark]:
        raise CouturierError(f"--set {odd[0]} has no value.", f"Write --set {odd[0]}=VALUE.")
    settings = {key: yaml.safe_load(value) for key, _, value in pairs}
    if settings:
        read_settings(settings, seed)  # refused now, before anything is read
    return settings
