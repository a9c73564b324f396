import torch

from rec_assets.backbone.precision import choose_precision, cpu_flags, reading


def test_explicit_formats_are_taken_at_their_word():
    assert choose_precision("fp32") is torch.float32
    assert choose_precision("bf16") is torch.bfloat16


def test_auto_follows_the_instruction_set(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for flags, expected in (({"avx2"}, torch.float32), ({"avx512_bf16"}, torch.bfloat16)):
        monkeypatch.setattr("rec_assets.backbone.precision.cpu_flags", lambda f=flags: frozenset(f))
        assert choose_precision("auto") is expected


def test_passes_that_are_only_read_multiply_in_the_format_chosen():
    linear, device = torch.nn.Linear(4, 4), torch.device("cpu")
    for precision, expected in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with torch.no_grad(), reading(device, precision):
            assert linear(torch.ones(1, 4)).dtype is expected


def test_flags_are_read_from_the_first_processor(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 amx_bf16\n")
    assert cpu_flags(cpuinfo) == {"fpu", "avx2", "amx_bf16"}
    assert cpu_flags(tmp_path / "absent") == frozenset()
