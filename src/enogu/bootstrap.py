"""Put a studio together from its settings: database with its tables, files, and who may come in.

The one place that knows every slice, so that none of them has to. Server and worker both begin here, in any order and
at the same time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from enogu.accounts import service as accounts
from enogu.accounts.asking import Door, SignInMode
from enogu.accounts.openid import OpenIdProvider, OpenIdSettings
from enogu.accounts.owned_data import OwnedData
from enogu.base_models import service as base_models
from enogu.captions import service as captions
from enogu.datasets import service as datasets
from enogu.drawings import service as drawings
from enogu.errors import EnoguError, WrongUse
from enogu.imaging.decoder import Decoder, SafeDecoder
from enogu.loras import service as loras
from enogu.queue import service as queue
from enogu.runs import service as runs
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.stamina.entities import Metering
from enogu.storage.database import Engine, Session, open_engine, reading, transaction, utc_now
from enogu.storage.files import Files, open_files
from enogu.storage.migrations import is_migrated, migrate
from enogu.uploads import service as uploads

OWNED_DATA: tuple[OwnedData, ...] = (
    drawings.DrawingData(),
    loras.LoraData(),
    runs.RunData(),
    captions.CaptionsData(),
    datasets.DatasetsData(),
    base_models.BaseModelData(),
    uploads.UploadData(),
    stamina.StaminaData(),
    queue.JobData(),
    accounts.AccountData(),
)
"""What every slice keeps for an owner: the slice that depends on most first, accounts last."""


FILE_NAMERS: tuple[Callable[[Session], Iterable[str]], ...] = (
    drawings.list_named_files,
    loras.list_named_files,
    runs.list_named_files,
    datasets.list_named_files,
    base_models.list_named_files,
    uploads.list_named_files,
)
"""Who names files of the store: what none of them names is swept."""
SWEEPS: tuple[Callable[[Session, datetime], int], ...] = (loras.sweep, datasets.sweep)
"""What slices take away for good that their owners deleted long ago; each tells how many rows."""


@dataclass(frozen=True)
class Studio:
    """Everything that a server or a worker needs, open."""

    settings: Settings
    engine: Engine
    files: Files
    door: Door
    metering: Metering
    """Plans and prices, as the plans file said when the studio was opened."""
    decoder: Decoder = field(default_factory=SafeDecoder)
    """Who looks at strangers' pictures; its child starts with the first of them."""

    def close(self) -> None:
        """Let go of the database's connections and of the decoder's child."""
        self.engine.dispose()
        if isinstance(self.decoder, SafeDecoder):
            self.decoder.close()


def open_studio(settings: Settings, sign_in: SignInMode = "loopback") -> Studio:
    """Open, and where needed make, everything below ``settings``. Raises EnoguError with the cure.

    With passwords and before there is an administrator, the door has a setup code, for who starts the server to print.
    """
    metering = stamina.read_metering(settings)
    openid = _openid(settings)
    engine = open_engine(settings.database_url)
    try:
        files = open_files(settings.files_url, settings.incoming_folder)
        migrate(engine)
        queue.prepare(engine)
        setup_code = None
        if sign_in == "loopback":
            _ensure_owner(engine)
        else:
            with reading(engine) as session:
                setup_code = secrets.token_urlsafe(12) if accounts.needs_first_admin(session) else None
    except BaseException:
        engine.dispose()
        raise
    door = Door(engine, sign_in, setup_code, OWNED_DATA, openid=openid, public_url=settings.public_url)
    return Studio(settings, engine, files, door, metering)


def is_up_to_date(settings: Settings) -> bool:
    """Whether the database has the tables of this version; False too when it cannot be asked. Changes nothing."""
    try:
        engine = open_engine(settings.database_url)
        try:
            return is_migrated(engine) and queue.is_prepared(engine)
        finally:
            engine.dispose()
    except EnoguError:
        return False


def put_samples_in(studio: Studio) -> None:
    """Give the owner of a studio on loopback the picture set that ships, once (C7)."""
    with transaction(studio.engine) as session:
        owner = accounts.find_loopback_owner(session)
        if owner is not None:
            datasets.ensure_samples(session, studio.files, studio.decoder, owner.account.id)


def _openid(settings: Settings) -> OpenIdProvider | None:
    """The provider that ENOGU_OIDC_… names; None when no issuer is set. Raises WrongUse."""
    named = settings.openid
    if "issuer" not in named:
        return None
    answer = named.get("creates_accounts", "yes").lower()
    if answer not in ("yes", "no"):
        raise WrongUse(f"ENOGU_OIDC_CREATES_ACCOUNTS is '{answer}'.", "Set it to yes or no.")
    return OpenIdProvider(
        OpenIdSettings(
            named["issuer"],
            named.get("client_id", ""),
            named.get("client_secret", ""),
            named.get("title", "OpenID"),
            answer == "yes",
        )
    )


def _ensure_owner(engine: Engine) -> None:
    with reading(engine) as session:
        is_there = accounts.find_loopback_owner(session) is not None
    if not is_there:
        with transaction(engine) as session:
            accounts.ensure_loopback_owner(session, utc_now())
