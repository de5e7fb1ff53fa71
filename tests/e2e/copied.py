"""Programs of a document, run as somebody who copies them does: under their names, by the commands beside them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.support.required_tools import missing, need
from tests.support.stack import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TOOLS = {"python": (), "php": ("php",), "javascript": ("node",), "sh": ("curl", "openssl")}
SECONDS = 60


@dataclass(frozen=True)
class Program:
    """A program of a document: the command that runs it, and its code."""

    command: str
    code: str
    language: str

    def write(self, folder: Path) -> None:
        """Write it under its name; the test ends here where this machine lacks what the program needs."""
        for tool in _TOOLS[self.language]:
            need(tool, f"`{self.command}`")
        if "curl_init" in self.code and not _has_curl():
            missing(f"`{self.command}` needs PHP's extension curl")
        [name] = re.findall(r"\S+\.(?:py|php|mjs|sh)\b", self.command)
        (folder / name).write_text(self.code, encoding="utf-8")


class Document:
    """A page of docs/."""

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def text(self) -> str:
        """The whole page."""
        return (ROOT / "docs" / self._name).read_text(encoding="utf-8")

    def section(self, title: str) -> str:
        """What stands under a title, down to the next one of any level."""
        [text] = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^##+ |\Z)", self.text, re.DOTALL | re.MULTILINE)
        return str(text)

    def block(self, title: str, language: str = "sh") -> str:
        """The first block of a language under a title."""
        return str(next(code for name, code in _BLOCK.findall(self.section(title)) if name == language))

    def program(self, title: str) -> Program:
        """The program under a title, and the command before it, which ends the sentence."""
        [(command, language, code)] = re.findall(
            r"`([a-z][^`\n]*)`[^`\n]*:\n\n```(python|php|javascript|sh)\n(.*?)^```$",
            self.section(title),
            re.DOTALL | re.MULTILINE,
        )
        return Program(command, code, language)


def environment(**given: str) -> dict[str, str]:
    """What a copied program finds: the Python of the tests as `python3`, and nothing of ours but what is given."""
    return {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/"), **given}


def run(command: str, folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a shell command in a folder, whatever comes of it. Raises TimeoutExpired, with all its processes ended."""
    arguments = [shutil.which("sh") or "sh", "-euc", command]
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            out, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(arguments, process.returncode, out, errors)


def _has_curl() -> bool:
    return subprocess.run(["php", "-r", "exit(extension_loaded('curl') ? 0 : 1);"], check=False).returncode == 0
