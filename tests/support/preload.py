"""Imports all of the product and warms boto3 up, for processes from which others are forked."""

from __future__ import annotations

import importlib
import pkgutil

import boto3

import chalicelib


def import_product() -> None:
    """Import everything that any function imports, and have boto3 read what the first client of a service needs.

    The environment names a region.
    """
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        importlib.import_module(module.name)
    for service in ("dynamodb", "sqs"):
        boto3.client(service)
