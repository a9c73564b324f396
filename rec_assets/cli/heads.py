"""Commands for classifiers of texts."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rec_assets.cli.application import SHOP, app
from rec_assets.errors import CouturierError


@app.command(rich_help_panel=SHOP)
def classify(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts to classify.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Read texts from a file, one a line; - for standard input.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="A label, with its words if they are others: positive=great,good."),
    ] = None,
    head: Annotated[
        str | None, typer.Option(help="A saved classifier's folder, or a head of the last run by name.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Template with {text}, or sentiment, topic, garment, attribute.")
    ] = None,
    base: Annotated[Path | None, typer.Option(help="Base model; by default the workspace's.")] = None,
    mode: Annotated[
        str | None, typer.Option(help="zero_shot (if not given), or channel: slower, often better.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each word adds.")] = False,
) -> None:
    """Name the label of each text: with a head of the last run, or with any labels at all.

    Prints label, probability and text, separated by tabs.

    For example:
      couturier classify "Soft wool coat" --label Coats --label Dresses
      couturier classify "A fine film" --label up=great,good --label down=bad
      couturier classify --file titles.txt --head category
    """
    if (head is None) == (not label):
        raise CouturierError(
            "Either labels or a saved head decides what a text can be.",
            "Give --label twice or more, or --head.",
        )
    told = {"--prompt": prompt, "--base": base, "--mode": mode}
    if head is not None and (own := [name for name, value in told.items() if value is not None]):
        raise CouturierError(
            f"A saved head has its own prompt, base model and mode; {' and '.join(own)} would not be read.",
            "Leave them out, or give --label instead of --head.",
        )
    wanted = _read(texts or [], file)
    classifier = (
        _saved(head) if head is not None else _zero_shot(label or [], prompt, base, mode or "zero_shot")
    )
    probabilities = classifier.predict_proba(wanted)
    for text, row in zip(wanted, probabilities, strict=True):
        best = int(row.argmax())
        typer.echo(f"{classifier.classes_[best]}\t{row[best]:.3f}\t{text}")
        if explain:
            for part in classifier.explain(text, classifier.classes_[best]):
                typer.echo(f"\t{part.score:+.3f}\t{part.token}")


def _read(texts: list[str], file: Path | None) -> list[str]:
    if file is None:
        found = texts
    elif str(file) == "-":
        found = texts + sys.stdin.read().splitlines()
    elif not file.exists():
        raise CouturierError(f"{file} does not exist.", "Name a file with one text a line.")
    elif file.is_dir():
        raise CouturierError(f"{file} is a folder.", "Name a file with one text a line.")
    else:
        try:
            found = texts + file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise CouturierError(
                f"{file} is not written in UTF-8 (byte {error.start}).",
                f"Rewrite it: iconv -f LATIN1 -t UTF-8 {file} > utf8.txt, if it is Latin-1.",
            ) from error
    found = [text.strip() for text in found if text.strip()]
    if not found:
        raise CouturierError("There is no text.", "Give texts, or a file with --file.")
    return found


def read_words(label: list[str]) -> dict[str, list[str]]:
    """Read ``name`` and ``name=word,word``, each name once or several times."""
    words: dict[str, list[str]] = {}
    for one in label:
        name, _, listed = one.partition("=")
        own = [word.strip() for word in listed.split(",") if word.strip()] or [name.strip()]
        words.setdefault(name.strip(), []).extend(own)
    return words


def _zero_shot(label: list[str], prompt: str | None, base: Path | None, mode: str) -> Any:
    words = read_words(label)
    if len(words) < 2:
        raise CouturierError(f"{len(words)} label is no choice.", "Give --label twice or more.")
    if mode not in ("zero_shot", "channel"):
        raise CouturierError(f"--mode is {mode!r}.", "Choose zero_shot or channel; the others need training.")
    from rec_assets.heads.classifier import DecoderTrimmedClassifier

    made: DecoderTrimmedClassifier = DecoderTrimmedClassifier(
        base,
        words,
        prompt,
        mode="channel" if mode == "channel" else "zero_shot",
    )
    return made.fit()


def _saved(head: str) -> Any:
    """Open a head of the last run by name, or a folder that holds one or a whole classifier."""
    from rec_assets.heads.beside_base import from_label_head
    from rec_assets.heads.checkpoint import CLASSIFIER_FILE
    from rec_assets.heads.classifier import DecoderTrimmedClassifier
    from rec_assets.heads.label_head import SETTINGS_FILE
    from rec_assets.workspace import Workspace

    given = Path(head)
    try:
        workspace = Workspace.find()
    except CouturierError:
        if not (given / CLASSIFIER_FILE).exists():
            raise
        return DecoderTrimmedClassifier.load(given)  # a whole classifier needs no workspace
    for folder in (workspace.heads / head, given):
        if any((folder / file).exists() for file in (CLASSIFIER_FILE, SETTINGS_FILE)):
            return from_label_head(folder, workspace.base_model)
    known = sorted(path.name for path in workspace.heads.glob("*/"))
    raise CouturierError(
        f"There is no head {head!r}. Heads of the last run: {', '.join(known) or 'none'}.",
        "Run couturier run first, or name a folder a classifier was saved in.",
    )
