"""The page on which a person logs in."""

from __future__ import annotations

from ...http_messages import Request, Response
from ..rendering import render
from ..texts import Text, Texts
from .layout import chosen_language

LOGIN: Texts = {
    "title": Text("Se connecter", "Inloggen", "Log in"),
    "heading": Text("Se connecter à Relais", "Inloggen bij Relais", "Log in to Relais"),
    "key": Text("Clé d’administration", "Beheerderssleutel", "Admin key"),
    "where": Text(
        "C’est la clé admin_key de la section [api] de la configuration.",
        "Dit is de sleutel admin_key in het deel [api] van de configuratie.",
        "It is the admin_key in the section [api] of the configuration.",
    ),
    "log_in": Text("Se connecter", "Inloggen", "Log in"),
    "wrong": Text("Cette clé n’est pas la bonne.", "Deze sleutel is niet juist.", "This is not the right key."),
    "too_many": Text(
        "Trop de clés fausses ont été essayées. La bonne clé est toujours acceptée.",
        "Er zijn te veel verkeerde sleutels geprobeerd. De juiste sleutel werkt nog altijd.",
        "Too many wrong keys were tried. The right one still works.",
    ),
    "logged_out": Text("La session est fermée.", "U bent uitgelogd.", "You are logged out."),
    "error": Text("Erreur", "Fout", "Error"),
}


def login_page(request: Request, *, status: int = 200, next_page: str = "", message: str | None = None) -> Response:
    """Returns the page; `message` names a sentence above the field."""
    return render(
        "dashboard/login.html",
        chosen_language(request),
        LOGIN,
        status=status,
        headers={"x-robots-tag": "noindex"},
        next_page=next_page,
        message=message,
        action=f"{request.base_path}/dashboard/login",
        organisation=None,
    )
