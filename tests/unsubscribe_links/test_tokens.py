"""Only genuine tokens are accepted: forged, cut or changed ones, and those of a removed key, give no address."""

from __future__ import annotations

import os
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from chalicelib.config.secrets import Secret
from chalicelib.domain.addresses import unsubscribe_address
from chalicelib.domain.errors import SecretUnavailable
from chalicelib.unsubscribe_links import tokens
from chalicelib.unsubscribe_links.links import Links

KEY, OTHER = "placeholder-key-one-of-32-characters", "placeholder-key-two-of-32-characters"
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ADDRESSES = st.text(min_size=1, max_size=120).map(lambda local: f"{local.replace('@', '')}@example.com")


def links(*keys: str | Secret) -> Links:
    secrets = [key if isinstance(key, Secret) else Secret.plain(key) for key in keys]
    return Links(secrets, "https://relais.example.com/api", os.urandom)


def token_of(email: str, *keys: str) -> str:
    return links(*keys).url(email).rpartition("/")[2]


@pytest.mark.seconds
@given(
    ADDRESSES,
    st.text(min_size=1, max_size=60).filter(lambda key: key.isprintable()),
    st.binary(min_size=12, max_size=12),
)
def test_a_token_gives_back_its_address(email: str, key: str, nonce: bytes) -> None:
    if unsubscribe_address(email).error:
        return
    assert tokens.unseal(tokens.seal(email, key, nonce), key) == email


def test_a_link_has_the_public_url_the_path_and_an_opaque_token() -> None:
    url = links(KEY).url("  Zoé.Long-Name@example.com ")
    start, _, token = url.rpartition("/")
    assert start == "https://relais.example.com/api/unsubscribe"
    assert set(token) <= set(BASE64URL)
    assert b"example" not in urlsafe_b64decode(token + "==")
    assert links(KEY).address(token) == "Zoé.Long-Name@example.com"
    assert links(KEY).url("Zoé.Long-Name@example.com") != url


def test_a_thousand_random_changes_are_all_rejected() -> None:
    chance = random.Random(8058)
    genuine = [token_of(f"person{number}@example.com", KEY) for number in range(20)]
    reader = links(KEY)
    tried = 0
    while tried < 1000:
        token = chance.choice(genuine)
        changed = chance.choice(CHANGES)(token, chance)
        if changed in genuine:
            continue
        tried += 1
        assert reader.address(changed) is None, changed
    assert all(reader.address(token) for token in genuine)


def _other_character(token: str, chance: random.Random) -> str:
    place = chance.randrange(len(token))
    return token[:place] + chance.choice(BASE64URL) + token[place + 1 :]


def _other_last_character(token: str, chance: random.Random) -> str:
    return token[:-1] + chance.choice(BASE64URL)


def _other_bit(token: str, chance: random.Random) -> str:
    raw = bytearray(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _shorter(token: str, chance: random.Random) -> str:
    return token[: chance.randrange(len(token))]


def _without_beginning(token: str, chance: random.Random) -> str:
    return token[chance.randrange(1, len(token)) :]


def _longer(token: str, chance: random.Random) -> str:
    return token + "".join(chance.choices(BASE64URL, k=chance.randrange(1, 9)))


def _swapped(token: str, chance: random.Random) -> str:
    one, other = sorted(chance.sample(range(len(token)), 2))
    return token[:one] + token[other] + token[one + 1 : other] + token[one] + token[other + 1 :]


def _other_case(token: str, chance: random.Random) -> str:
    return chance.choice([token.upper(), token.lower(), token.swapcase()])


def _noise(token: str, chance: random.Random) -> str:
    return "".join(chance.choices(BASE64URL, k=chance.randrange(200)))


CHANGES: list[Callable[[str, random.Random], str]] = [
    *(
        _other_character,
        _other_last_character,
        _other_bit,
        _shorter,
        _without_beginning,
        _longer,
        _swapped,
        _other_case,
    ),
    _noise,
]


def test_every_truncation_is_detected() -> None:
    token = token_of("zoe@example.com", KEY)
    assert [links(KEY).address(token[:length]) for length in range(len(token))] == [None] * len(token)


@pytest.mark.parametrize("length", range(5, 9))
def test_a_token_has_only_one_valid_spelling(length: int) -> None:
    """The last character of base64 may have bits that decoders ignore."""
    token = token_of("z" * length + "@example.com", KEY)
    others = [token[:-1] + last for last in BASE64URL if last != token[-1]]
    others += [f" {token}", token[:9] + "\n" + token[9:]]
    assert {links(KEY).address(other) for other in others} == {None}


@pytest.mark.parametrize(
    "appended",
    [
        ".",
        ")",
        ">",
        ",",
        ";",
        '"',
        "%20",
        " ",
        "&utm_source=x",
        "/",
        ").",
        '">',
        "/?u=x",
        "\u00a0",
        "]",
        "\n",
        "=3D",
    ],
)
def test_field_case_17_what_a_mail_program_appends_to_a_link_does_no_harm(appended: str) -> None:
    assert links(KEY).address(token_of("zoe@example.com", KEY) + appended) == "zoe@example.com"


def test_a_token_of_another_version_is_not_read() -> None:
    token = token_of("zoe@example.com", KEY)
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for version in (0, 2, 255):
        assert links(KEY).address(urlsafe_b64encode(bytes([version]) + raw[1:]).rstrip(b"=").decode()) is None


def test_keys_can_be_rotated() -> None:
    old = token_of("zoe@example.com", KEY)
    new = token_of("zoe@example.com", OTHER, KEY)
    assert links(OTHER, KEY).address(old) == links(OTHER, KEY).address(new) == "zoe@example.com"
    assert links(OTHER).address(new) == "zoe@example.com", "the first key makes"
    assert links(KEY).address(new) is None
    assert links(OTHER).address(old) is None, "the old key was removed"
    assert Links([], "", os.urandom).address(old) is None


def test_a_token_must_contain_a_valid_address() -> None:
    for wrong in ("", "   ", "nobody", "a@b@example.com", "a@", "a\x00@example.com", "a" * 255 + "@example.com"):
        assert links(KEY).address(tokens.seal(wrong, KEY, bytes(12))) is None
    padded = tokens.seal(" zoe@example.com\n", KEY, bytes(12))
    assert links(KEY).address(padded) == "zoe@example.com"


def test_the_longest_address_fits() -> None:
    email = "\U0001f600" * 242 + "@example.com"
    assert unsubscribe_address(email).error is None
    token = token_of(email, KEY)
    assert links(KEY).address(token) == email
    assert len(token) < 1500


def test_an_unreadable_key_is_not_reported_as_a_forged_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELAIS_TEST_NO_SUCH_KEY", raising=False)
    missing = Secret("env:RELAIS_TEST_NO_SUCH_KEY", key="unsubscribe.keys (item 1)")
    genuine = token_of("zoe@example.com", KEY)
    assert links(missing, KEY).address(genuine) == "zoe@example.com"
    for token in (token_of("zoe@example.com", OTHER), "forged"):
        with pytest.raises(SecretUnavailable, match=r"unsubscribe\.keys") as caught:
            links(missing, KEY).address(token)
        assert token not in str(caught.value)
    with pytest.raises(SecretUnavailable):
        links(missing, KEY).url("zoe@example.com")


def test_keys_are_never_shown() -> None:
    assert KEY not in repr(links(KEY)) + str(vars(links(KEY)))
