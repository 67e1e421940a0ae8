"""Bytes kept outside the database: object stores in a folder or in S3, and files that a power failure must not undo."""

import os
from datetime import timedelta
from pathlib import Path

from obstore.store import LocalStore, S3Store


def open_store(url: str, setting: str, patience: timedelta, *, tidy: bool = False) -> LocalStore | S3Store:
    """The store at `file:///…` or `s3://bucket/prefix`; for S3 the usual AWS_* environment says the rest.

    `patience`: for one request, and for all its repetitions; whoever waits is then told 503 and does not hang for
    minutes. `tidy`: a folder that nothing is left in goes too. Raises ValueError, naming the setting, for another
    scheme.
    """
    scheme = url.partition("://")[0]
    if scheme == "file":
        return LocalStore.from_url(url, mkdir=True, automatic_cleanup=tidy)
    if scheme == "s3":
        # Options given here take the place of those in the environment, so that one has to be read again.
        plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"
        return S3Store.from_url(
            url,
            client_options={"connect_timeout": "3s", "timeout": patience, "allow_http": plain},
            retry_config={"max_retries": 2, "retry_timeout": patience},
        )
    raise ValueError(f"{setting}: {scheme}:// is no store this program knows; file:// and s3:// are")


def settle(*places: Path) -> None:
    """Bring files and folders to stable storage, in this order; what is not there is passed over. A file's coming and
    going lasts once its folder is settled."""
    for place in places:
        if not place.exists():
            continue
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
