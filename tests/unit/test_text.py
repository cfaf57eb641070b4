"""Text that a script or a person wrote acts on no terminal, wherever it is shown."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from jinsu.cli.show import echo, table
from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.orchestration.log_following import show
from jinsu.runs.text import clean, readable

KEY = "a" * 64
ATTACKS = {
    "an address behind other words (OSC 8)": "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "the clipboard (OSC 52)": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "the title": "\x1b]0;root@host\x1b\\",
    "an empty screen": "\x1b[2J\x1b[H",
    "a report that is typed in": "\x1b[6n\x1b[c",
    "the line above": "\x1b[1A\x1b[2K",
    "C1 controls": "\x9b2J\x9d52;c;x\x9c\x90x",
    "backspaces": "safe\x08\x08\x08\x08evil",
    "a bell and a NUL": "\x07\x00",
    "the direction of writing": "\u202etxt.exe",
    "a device control string": "\x1bP1$r\x1b\\",
    "a character set": "\x1b(0\x0e",
}
HARMFUL = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))} - {"\t", "\n"}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_what_acts_on_a_terminal_is_shown_as_text(attack: str) -> None:
    for shown in (readable(f"before\t{attack}\nafter\n"), clean(attack)):
        assert not HARMFUL & set(shown)
        assert "�" in shown
    assert readable(f"before\t{attack}\nafter\n").startswith("before\t")
    assert readable(f"before\t{attack}\nafter\n").endswith("\nafter\n")


@given(st.text())
def test_nothing_harmful_is_left_of_any_text(text: str) -> None:
    assert not HARMFUL & set(readable(text))
    assert readable(readable(text)) == readable(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("epoch 1\repoch 2\n", "epoch 1\nepoch 2\n"),
        ("password wrong\rpassword right\n", "password wrong\npassword right\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("\x1b[31mred\x1b[0m and \x1b[1;4;38;5;9mbold\x1b[m", "red and bold"),
        ("손실\t0.1\n", "손실\t0.1\n"),
        ("100 %|█████| 3/3 [00:01<00:00]", "100 %|█████| 3/3 [00:01<00:00]"),
    ],
)
def test_what_only_looks_nice_stays_legible(text: str, shown: str) -> None:
    assert readable(text) == shown


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_airflow_shows_a_log_without_it(tmp_path: Path, attack: str) -> None:
    log = tmp_path / KEY / "log.txt"
    log.parent.mkdir()
    log.write_text(f"before\t{attack}\nbar 1\rbar 2\nafter\n", newline="")
    shown: list[str] = []

    offset = show(LocalLauncher(tmp_path), KEY, 0, shown.append)

    assert offset == log.stat().st_size
    assert not HARMFUL & set("".join(shown))
    assert shown[-3:] == ["bar 1", "bar 2", "after"]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_command_line_prints_it_as_text(attack: str) -> None:
    @click.command()
    def command() -> None:
        echo(f"why: {attack}")
        table(("run", "why"), [("run-1", attack)], "")

    printed = CliRunner().invoke(command).output
    assert not HARMFUL & set(printed)
    assert printed.count("�") >= 2
