"""Every call documented by the vendors, by account and method name, with parameters that fit the sandbox's samples.

The order matters where one call creates what a later one needs: `$name` refers to an earlier result.
"""

from __future__ import annotations

from typing import Any

Call = tuple[str, dict[str, Any], str]
"""Function, parameters, and the name under which its result is kept ("" for none)."""

LIST, OTHER_LIST = "0616074266229", "0616074266230"

EDIWARE: list[Call] = [
    ("user_list", {}, ""),
    ("pools_list", {}, ""),
    (
        "user_create",
        {"log": "filiale_nord", "password": "placeholder-1", "quota": 50, "name": "N", "email": "n@example.com"},
        "user",
    ),
    ("user_update", {"user_id": "$user", "quota": 60}, ""),
    ("list_list", {}, ""),
    (
        "list_create",
        {"name": "Essai", "field_list": ["email", "nom"], "field_email": "email", "field_index": ["nom"]},
        "list",
    ),
    ("list_insert", {"list_id": "$list", "contacts": [{"email": "a@example.com", "nom": "Zoé"}]}, ""),
    ("list_insert_url", {"list_id": "$list", "url": "$csv"}, ""),
    ("list_delete", {"list_id": "$list"}, ""),
    ("user_delete", {"user_id": "$user"}, ""),
    ("campaigns_stats", {}, ""),
    ("unsub_add", {"email": "a@example.com"}, ""),
    ("unsub_global_add", {"email": "a@example.com"}, ""),
    ("call", {"function": "list_list", "params": {}}, ""),
]

MAILPARTNER: list[Call] = [
    ("me", {}, ""),
    (
        "send",
        {
            "subject": "Bonjour",
            "html": "<p>Bonjour #FIRSTNAME#</p>",
            "to": [{"email": "a@example.com"}],
            "scheduled_at": "2036-03-01T09:30:00Z",
        },
        "message",
    ),
    ("message_cancel", {"message_id": "$message.message_id"}, ""),
    ("bulk_status", {"message_id": "300"}, ""),
    ("unsubscribe_add", {"email": "a@example.com"}, "stop"),
    ("unsubscribe_list", {}, ""),
    ("unsubscribe_delete", {"id": "541"}, ""),
    ("subaccount_create", {"type": "simple", "email": "sub@example.com"}, ""),
    ("subaccount_list", {}, ""),
    ("credit_add", {"token": "sample-subaccount-token-81", "credit": 1}, ""),
    ("credit_remove", {"token": "sample-subaccount-token-81", "credit": 1}, ""),
]

MYMAILMARKET: list[Call] = [
    ("lists", {}, ""),
    ("list_get", {"list_id": LIST}, ""),
    ("list_persist", {"fields": {"Name": "Proef", "SiteId": "0616074266001"}}, "list"),
    ("subscriber", {"subscriber_id": "0616074268001"}, ""),
    ("subscriber_by_address", {"email": "camille@example.com", "list_id": LIST}, ""),
    ("subscribers", {"list_id": LIST, "start_index": 0, "page_size": 10}, ""),
    ("subscribers_in_status", {"list_id": LIST, "status": "active"}, ""),
    ("profile", {"subscriber_id": "0616074268001"}, ""),
    ("profile_by_address", {"email": "camille@example.com", "list_id": LIST}, ""),
    (
        "subscriber_persist",
        {"fields": {"MailAddress": "s@example.com", "Groepid": "$list", "MobileNumber": "32400000001"}},
        "",
    ),
    ("profile_persist", {"fields": {"MailAddress": "p@example.com", "Groepid": "$list", "FirstName": "P"}}, ""),
    ("address_update", {"old_email": "p@example.com", "new_email": "q@example.com", "list_id": "$list"}, ""),
    ("status_update", {"subscriber_id": "0616074268001", "status": "active"}, ""),
    ("unsubscribe", {"subscriber_id": "0616074268001"}, ""),
    ("unsubscribe_by_address", {"email": "camille@example.com", "list_id": OTHER_LIST}, ""),
    ("unsubscribe_by_mobile", {"mobile": "32400000000", "list_id": LIST}, ""),
    ("campaign_unsubscribes", {"campaign_id": "0616074267001"}, ""),
    ("subscriber_delete", {"subscriber_id": "0616074268002"}, ""),
    ("subscriber_delete_by_mobile", {"mobile": "32400000001", "list_id": "$list"}, ""),
    ("subscriber_delete_by_address", {"email": "q@example.com", "list_id": "$list"}, ""),
    ("list_delete", {"list_id": "$list"}, ""),
    ("campaigns", {"status": "sent"}, ""),
    ("campaign_data", {"campaign_id": "0616074267001"}, ""),
    ("campaign_stats", {"campaign_id": "0616074267001"}, ""),
    ("campaign_create", {"fields": {"Name": "Lente", "SiteId": "0616074266001"}}, "campaign"),
    ("campaign_update", {"campaign_id": "$campaign", "fields": {"Name": "Lente 2"}}, ""),
    ("campaign_schedule", {"campaign_id": "$campaign", "at": "2036-03-01T09:30:00Z"}, ""),
    ("campaign_unschedule", {"campaign_id": "$campaign"}, ""),
    ("campaign_send_now", {"campaign_id": "$campaign"}, ""),
    ("autoresponders", {}, ""),
    ("trigger_link", {"autoresponder_id": "0616074269001", "email": "camille@example.com", "reference": "r"}, "link"),
    ("trigger_unlink", {"link_id": "$link"}, ""),
    (
        "trigger_send",
        {"autoresponder_id": "0616074269001", "to": "camille@example.com", "custom_data": {"tag": "value"}},
        "",
    ),
    (
        "user_persist",
        {"fields": {"UserName": "collega", "UserPass": "placeholder", "EmailAddress": "c@example.com"}},
        "",
    ),
    ("user", {"user_id": "0616074269101"}, ""),
    ("user_by_name", {"username": "api", "site_name": "acme"}, ""),
    ("templates", {}, ""),
    ("template", {"template_id": "0616074269201"}, ""),
]

DOCUMENTED: dict[str, list[Call]] = {"paris": EDIWARE, "lettre": MAILPARTNER, "brussel": MYMAILMARKET}
