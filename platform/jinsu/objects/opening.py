"""The objects of one installation."""

from __future__ import annotations

from jinsu.objects.mirror import Mirror
from jinsu.objects.s3 import S3
from jinsu.settings import Settings


def open_objects(settings: Settings) -> Mirror:
    """Costs nothing: a store connects when it is first used."""
    return Mirror(settings.objects, S3(settings.object_store) if settings.object_store else None)
