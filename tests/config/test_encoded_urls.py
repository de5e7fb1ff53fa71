"""URLs of the configuration that end up in headers: encoded when they are read, or refused at start."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.config.model import Settings
from chalicelib.domain.errors import ConfigurationError

LoadText = Callable[[str], Settings]
FORM = """
[accounts.paris]
provider = "bulk"
api_key = "x"
[privacy]
address_keys = ["placeholder-of-at-least-32-characters"]
[api]
public_url = "{public_url}"
[forms.f]
account = "paris"
list = "1"
redirect = "{redirect}"
fields = {{mail = "@email"}}
"""


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        pytest.param("https://例え.jp/merçi", "https://xn--r8jz45g.jp/mer%C3%A7i", id="hostile-9"),
        ("https://Müller.example/", "https://xn--mller-kva.example/"),
        ("https://straße.example:8443/a", "https://xn--strae-oqa.example:8443/a"),
        ("https://www.example.com/à?q=é&r=%C3%A9#ç", "https://www.example.com/%C3%A0?q=%C3%A9&r=%C3%A9#%C3%A7"),
        ("https://www.example.com/a%2Fb?x=1+2#top", "https://www.example.com/a%2Fb?x=1+2#top"),
        ("https://www.example.com/(a);b=c,'d'!*@:$~[]{|}", "https://www.example.com/(a);b=c,'d'!*@:$~[]%7B%7C%7D"),
        ("https://www.example.com/100%", "https://www.example.com/100%25"),
        ("https://www.example.com/a'b<c>", "https://www.example.com/a'b%3Cc%3E"),
        ("http://[2001:db8::1]:8080/é", "http://[2001:db8::1]:8080/%C3%A9"),
        ("https://www.example.com", "https://www.example.com"),
        ("https://www.example.com/😀", "https://www.example.com/%F0%9F%98%80"),
        ("https://faß。example/x", "https://xn--fa-hia.example/x"),
    ],
)
def test_hostile_9_a_redirect_is_encoded(load_text: LoadText, written: str, sent: str) -> None:
    settings = load_text(FORM.format(redirect=written, public_url="https://relais.example.com"))
    assert settings.forms["f"].redirect == sent
    assert sent.isascii()


def test_the_public_url_is_encoded_too(load_text: LoadText) -> None:
    settings = load_text(FORM.format(redirect="https://a.example", public_url="https://lettre-été.example/relais-é/"))
    assert settings.api.public_url == "https://xn--lettre-t-h1ab.example/relais-%C3%A9"


@pytest.mark.parametrize(
    "host", ["-müller-.example", "ü..example", "a\u0301\u200d.example", "ü" * 64 + ".example", "é_!.example"]
)
def test_a_host_that_cannot_be_encoded_is_refused(load_text: LoadText, host: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_text(FORM.format(redirect=f"https://{host}/", public_url="https://relais.example.com"))
    (error,) = caught.value.field_errors
    assert error.field == "forms.f.redirect"
    assert "xn--" in error.message
