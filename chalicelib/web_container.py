"""Builds the routes and pages of the HTTP side, and the links in mails, each on first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from . import names
from .provider_clients import ProviderClients

if TYPE_CHECKING:
    from .confirmation.links import ConfirmationLinks
    from .ledger.event_status import EventView
    from .statistics.medians import MedianStore
    from .statistics.queries import StatsReader
    from .statistics.store import StatsStore
    from .unsubscribe_links.links import Links
    from .web.routes.confirm import ConfirmRoutes
    from .web.routes.dashboard.access import DashboardAccess
    from .web.routes.dashboard.campaigns import CampaignPages
    from .web.routes.dashboard.events import EventPages
    from .web.routes.dashboard.forms import FormPages
    from .web.routes.dashboard.overview import OverviewPage
    from .web.routes.events import EventsRoutes
    from .web.routes.forms import FormsRoutes
    from .web.routes.statistics import FormStatsRoutes, StatsRoutes
    from .web.routes.unsubscribe import UnsubscribeRoutes
    from .web.routes.webhooks import WebhooksRoutes


class WebContainer(ProviderClients):
    """The routes of one stage and one configuration, and what they read."""

    @cached_property
    def links(self) -> Links:
        """Makes and reads unsubscribe links."""
        from .unsubscribe_links.links import Links

        return Links(self.settings.unsubscribe_keys, self.settings.api.public_url or "", self.effects.random_bytes)

    @cached_property
    def confirmation_links(self) -> ConfirmationLinks:
        """Makes and reads the links of confirmation mails."""
        from .confirmation.links import ConfirmationLinks

        keys, public_url = self.settings.unsubscribe_keys, self.settings.api.public_url or ""
        return ConfirmationLinks(keys, public_url, self.effects.random_bytes)

    @cached_property
    def forms_routes(self) -> FormsRoutes:
        """Routes that website forms post to."""
        from .web.routes.forms import FormsRoutes

        return FormsRoutes(self)

    @cached_property
    def webhooks_routes(self) -> WebhooksRoutes:
        """Routes that back ends post to."""
        from .web.routes.webhooks import WebhooksRoutes

        return WebhooksRoutes(self)

    @cached_property
    def events_routes(self) -> EventsRoutes:
        """Routes that show events."""
        from .web.routes.events import EventsRoutes

        return EventsRoutes(self, self._event_view)

    @cached_property
    def _event_view(self) -> EventView:
        from .ledger.event_status import EventView

        return EventView(self.table, self.accounts.read, self.effects.clock, self.remedy, self.settings)

    @cached_property
    def event_pages(self) -> EventPages:
        """The dashboard's pages of events, and what they can do."""
        from .web.routes.dashboard.events import EventPages

        return EventPages(self, self.dashboard_access, self._event_view.find, self.capabilities)

    @cached_property
    def unsubscribe_routes(self) -> UnsubscribeRoutes:
        """Routes of unsubscribe links."""
        from .web.routes.unsubscribe import UnsubscribeRoutes

        return UnsubscribeRoutes(self, lambda: self.links)

    @cached_property
    def confirm_routes(self) -> ConfirmRoutes:
        """Routes of confirmation links."""
        from .web.routes.confirm import ConfirmRoutes

        return ConfirmRoutes(self, lambda: self.confirmation_links, self.capabilities)

    @cached_property
    def stats_routes(self) -> StatsRoutes:
        """Routes that show campaigns."""
        from .web.routes.statistics import StatsRoutes

        return StatsRoutes(self, self._stats_reader)

    @cached_property
    def form_stats_routes(self) -> FormStatsRoutes:
        """Route that shows what forms brought."""
        from .web.routes.statistics import FormStatsRoutes

        return FormStatsRoutes(self)

    @cached_property
    def stats(self) -> StatsStore:
        """Writes the statistics table."""
        from .statistics.store import StatsStore

        return StatsStore(self._dynamodb, names.table(self.stage, "stats"), self.effects)

    @cached_property
    def _stats_reader(self) -> StatsReader:
        from .statistics.queries import StatsReader

        return StatsReader(self._dynamodb, names.table(self.stage, "stats"))

    @cached_property
    def _medians(self) -> MedianStore:
        from .statistics.medians import MedianStore

        return MedianStore(self.table, self.stats.since)

    @cached_property
    def dashboard_access(self) -> DashboardAccess:
        """Login and logout of the dashboard, and who may see its pages."""
        from .web.routes.dashboard.access import DashboardAccess

        return DashboardAccess(self)

    @cached_property
    def overview_page(self) -> OverviewPage:
        """The dashboard's first page."""
        from .web.routes.dashboard.overview import OverviewPage

        return OverviewPage(self, self.dashboard_access, self._stats_reader, self.capabilities)

    @cached_property
    def form_pages(self) -> FormPages:
        """The dashboard's pages of forms."""
        from .web.routes.dashboard.forms import FormPages

        return FormPages(self, self.dashboard_access)

    @cached_property
    def campaign_pages(self) -> CampaignPages:
        """The dashboard's pages of campaigns."""
        from .web.routes.dashboard.campaigns import CampaignPages

        return CampaignPages(self, self.dashboard_access, self._stats_reader, self._medians)
