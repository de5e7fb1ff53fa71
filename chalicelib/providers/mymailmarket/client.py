"""Every function of the myMailMarket API V2 as a typed method; the methods are also what an operator calls by name.

They stand by area in the modules that are joined here. Each raises `ProviderError`: caller for a parameter outside the
vendor's stated limits, before any call; else by the table in `answers`. `budget` is in seconds. Results keep the
vendor's field names, with dates as aware datetimes; see `values.Result`.
"""

from __future__ import annotations

from ..functions import declared
from .autoresponders import Autoresponders
from .campaigns import Campaigns
from .lists import Lists
from .subscribers import Subscribers
from .unsubscribes import Unsubscribing
from .users import Users


class Client(Lists, Subscribers, Unsubscribing, Campaigns, Autoresponders, Users):
    """One myMailMarket account."""


FUNCTIONS = tuple(function for area in Client.__bases__ for function in declared(area))
