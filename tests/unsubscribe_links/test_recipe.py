"""The recipe of docs/unsubscribe-links.md: its functions as written, and its test vector, in each language."""

from __future__ import annotations

import hmac
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from chalicelib.config.secrets import Secret
from chalicelib.unsubscribe_links import tokens
from chalicelib.unsubscribe_links.links import Links
from tests.support.required_tools import need
from tests.support.stack import ROOT

DOCUMENT = (ROOT / "docs" / "unsubscribe-links.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE))
VECTOR = dict(re.findall(r"^\| ([a-zA-Z ,]+) \| `([^`]+)` \|$", DOCUMENT, re.MULTILINE))
URL, KEY = "https://relais.example.com/api", "placeholder-key-of-ünusual-letters-and-length"

# What each function is called with: the vector, then two addresses for links.
CALLS = {
    "python": "import sys\nprint(token(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3])))\n"
    "print(*map(unsubscribe_url, sys.argv[4:]), sep='\\n')\n",
    "javascript": "const [email, key, nonce, ...others] = process.argv.slice(2);\n"
    "console.log(token(email, key, Buffer.from(nonce, 'hex')));\n"
    "others.forEach((other) => console.log(unsubscribeUrl(other)));\n",
    "php": "echo token($argv[1], $argv[2], hex2bin($argv[3])), PHP_EOL;\n"
    "foreach (array_slice($argv, 4) as $other) {\n    echo unsubscribe_url($other), PHP_EOL;\n}\n",
}
PROGRAMS = {"javascript": "node", "php": "php"}


def test_the_documented_test_vector_matches_the_product() -> None:
    key, nonce = VECTOR["key"], bytes.fromhex(VECTOR["nonce, in hexadecimal"])
    assert tokens.seal(VECTOR["address"], key, nonce) == VECTOR["token"]
    links = Links([Secret.plain(key)], URL, lambda count: bytes(range(count)))
    assert links.url(VECTOR["address"]) == f"{URL}/unsubscribe/{VECTOR['token']}"
    assert tokens.unseal(VECTOR["token"], key) == VECTOR["address"]
    aes_key = hmac.digest(key.encode(), b"relais unsubscribe v1", sha256).hex()
    assert aes_key == VECTOR["AES key, in hexadecimal"]


@pytest.mark.server
@pytest.mark.parametrize("language", CALLS)
def test_the_documented_function_makes_valid_links(tmp_path: Path, language: str) -> None:
    program = need(PROGRAMS[language], f"the recipe in {language}") if language in PROGRAMS else sys.executable
    example = tmp_path / "example"
    example.write_text(BLOCKS[language] + CALLS[language], encoding="utf-8")
    people = ["  zoé+tag@exämple.com ", "a@example.com", "a@example.com"]
    vector = (VECTOR["address"], VECTOR["key"], VECTOR["nonce, in hexadecimal"])
    environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "RELAIS_URL": URL, "RELAIS_UNSUBSCRIBE_KEY": KEY}
    done = subprocess.run(
        [program, str(example), *vector, *people],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    token, *urls = done.stdout.splitlines()
    assert token == VECTOR["token"]
    assert all(url.startswith(f"{URL}/unsubscribe/") for url in urls)
    links = Links([Secret.plain("placeholder-of-another-key"), Secret.plain(KEY)], URL, os.urandom)
    assert [links.address(url.rpartition("/")[2]) for url in urls] == [person.strip() for person in people]
    assert len(set(urls)) == len(urls), "a nonce of its own for each"
