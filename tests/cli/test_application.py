import re
import shlex
import subprocess
import sys

import pytest
from typer.main import get_command

from rec_assets import pipeline
from rec_assets.cli import app
from rec_assets.errors import CouturierError
from rec_assets.params import Synthetic
from rec_assets.sources.synthetic import generate

COMMANDS = sorted(get_command(app).commands)


def test_the_commands_a_user_is_told_of_are_there():
    assert set(COMMANDS) >= {
        "run", "stage", "status", "doctor", "params", "show-prompt", "recommend", "export",
        "promote", "rollback", "history", "synthesize", "trends", "suggest-basket", "classify",
    }  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_with_an_example(couturier, command):
    shown = couturier(command, "--help")
    assert shown.exit_code == 0
    examples = [
        shlex.split(line.strip())[1:]
        for line in shown.output.split("For example:")[1].splitlines()
        if line.strip().startswith("couturier ")
    ]
    assert examples
    for name, *arguments in examples:
        assert name == command
        # Parsed, not run: a command or an option that is no longer there fails.
        get_command(app).commands[name].make_context(name, arguments, resilient_parsing=False)


@pytest.mark.parametrize("command", [(), ("recommend",), ("show-prompt",)])
def test_the_customer_of_the_examples_exists(couturier, command):
    known = generate(Synthetic(customers=3, skus=20, months=2)).customers["customer_id"].tolist()
    shown = couturier(*command, "--help").output
    named = set(re.findall(r"\bC\d+\b", shown))
    assert named
    assert named <= set(known)


def test_help_starts_without_the_heavy_libraries():
    script = (
        "import sys, rec_assets.cli\n"
        "heavy = {'torch', 'transformers', 'pandas', 'wandb', 'matplotlib', 'dagster'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_an_error_has_a_cure_and_no_stack_trace(couturier):
    ended = couturier("stage", "splitz")
    assert ended.exit_code == 1
    assert "Error: There is no stage 'splitz'." in ended.stderr
    assert "Cure:  Stages: raw_data" in ended.stderr
    assert "Traceback" not in ended.output


def test_debug_keeps_the_stack_trace(couturier):
    ended = couturier("--debug", "stage", "splitz")
    assert isinstance(ended.exception, CouturierError)


def test_a_mistyped_command_is_answered_with_its_neighbour(couturier):
    ended = couturier("recomend", "C1")
    assert ended.exit_code == 2
    assert "recommend" in ended.output


def test_control_c_ends_cleanly(couturier, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run_stage", interrupted)
    ended = couturier("stage", "splits")
    assert ended.exit_code == 130
    assert "go on from here" in ended.stderr
    assert "Traceback" not in ended.output


def test_outside_a_workspace_the_cure_is_told(tmp_path, monkeypatch, couturier):
    monkeypatch.delenv("COUTURIER_HOME")
    monkeypatch.chdir(tmp_path.parent)
    ended = couturier("status")
    assert ended.exit_code == 1
    assert "COUTURIER_HOME" in ended.stderr
