"""Is a CSV file the text it claims to be? Found out before a row is read, so that none is lost."""

import codecs
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from rec_assets.errors import TableError

BLOCK = 1 << 20
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, unpacking ``.gz`` on the way."""
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def check_encoding(path: Path, encoding: str, key: str | None) -> None:
    """Decode the whole file once, in constant memory.

    Parameters
    ----------
    path
        A text file, possibly gzipped.
    encoding
        What it should be.
    key
        The key of ``params.yaml`` that names another encoding, when the source has one.

    Raises
    ------
    TableError
        When a byte does not decode (naming its offset, its line and the likely encoding), the encoding is
        unknown, or the gzip stream is damaged.
    """
    for _ in _decoded(path, encoding, key):
        pass


def write_as_utf8(path: Path, encoding: str, key: str | None, target: Path) -> None:
    """Rewrite a text file in UTF-8 at ``target``, unpacked; raises as :func:`check_encoding` does."""
    with target.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(_decoded(path, encoding, key))


def _decoded(path: Path, encoding: str, key: str | None) -> Iterator[str]:
    try:
        "".encode(encoding)  # refuses the codecs that turn bytes into bytes, such as hex
        decoder = codecs.getincrementaldecoder(encoding)()
    except (LookupError, UnicodeError) as error:
        raise TableError(
            f"{path.name}: {encoding!r} is not a text encoding.",
            f"Set {key} to one Python knows, such as utf-8, cp1252 or utf-16.",
        ) from error
    offset = 0  # bytes decoded before this block
    line = 1
    try:
        with open_bytes(path) as stream:
            while True:
                block = stream.read(BLOCK)
                kept = len(decoder.getstate()[0])  # the head of a character cut by the previous block
                try:
                    text = decoder.decode(block, final=not block)
                except UnicodeDecodeError as error:
                    # Offsets in the error count from the bytes kept over.
                    bad = offset - kept + error.start
                    line += error.object[: error.start].count(b"\n")
                    raise _undecodable(path, encoding, key, bad, line, error) from error
                offset += len(block)
                line += text.count("\n")
                yield text
                if not block:
                    return
    except (EOFError, gzip.BadGzipFile) as error:
        raise TableError(f"{path.name} is a damaged gzip file: {error}.", "Copy it again.") from error


def _undecodable(
    path: Path, encoding: str, key: str | None, offset: int, line: int, error: UnicodeDecodeError
) -> TableError:
    with open_bytes(path) as stream:
        guess = "utf-16" if stream.read(2) in UTF16_MARKS else "cp1252"
    byte = error.object[error.start]
    cure = f"Save it as UTF-8 (it looks like {guess}: iconv -f {guess} -t utf-8)"
    return TableError(
        f"{path.name} is not {encoding}: byte 0x{byte:02x} at offset {offset:,}, line {line:,}.",
        f"{cure}, or set {key}: {guess} in params.yaml." if key else f"{cure}.",
    )
