"""An operator's machine: a checkout of Relais with a configuration of its own, from which stages are deployed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from local import template
from local.sandbox import Sandbox
from tests.support.account.account import Account, Shell
from tests.support.packaging import copy_checkout, fetch_wheels


class Operator:
    """`checkout` is a copy of this one; its `out/` holds the packages."""

    def __init__(self, account: Account, folder: Path) -> None:
        fetch_wheels()
        self.account = account
        folder.mkdir()
        self.checkout = copy_checkout(folder)
        example = "chalicelib/relais.example.toml"
        shutil.copy(template.ROOT / example, folder / example)
        shutil.copytree(template.ROOT / "local", folder / "local", ignore=shutil.ignore_patterns("__pycache__"))
        for name in (".venv", ".local"):  # wheels and templates are kept there
            (folder / name).symlink_to(template.ROOT / name)
        self.configuration = folder / "chalicelib" / "relais.toml"

    def run(self, script: str, **environ: str) -> Shell:
        """Run a script in the checkout."""
        return self.account.shell(script, self.checkout, **environ)

    def succeed(self, script: str, **environ: str) -> Shell:
        """Run a script that has to end well."""
        done = self.run(script, **environ)
        assert done.code == 0, f"{script}\n{done.out}\n{done.err}"
        return done

    def package(self) -> str:
        """Make a package of stage `prod`, and return its folder's name."""
        self.succeed("make package")
        return (self.checkout / "out" / "latest").readlink().name

    def deploy(self, *parameters: str, package: str = "latest", **environ: str) -> Shell:
        """Deploy a package, whatever comes of it."""
        return self.run(f"sh out/{package}/deploy.sh {' '.join(parameters)}", **environ)


def at_sandbox(text: str, sandbox: Sandbox) -> str:
    """Return a configuration whose accounts are at the sandbox, as the comments of the example say."""
    for provider, path in (
        ("ediware", "ediware/api_http"),
        ("mailpartner", "mailpartner/v1"),
        ("mymailmarket", "mymailmarket/V2.svc"),
    ):
        line = f'provider = "{provider}"'
        text = re.sub(f"^{line}$", f'{line}\nbase_url = "{sandbox.url}/{path}"', text, flags=re.MULTILINE)
    return text
