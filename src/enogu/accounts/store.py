"""Rows of accounts, their sessions and their API tokens.

Secrets are kept as sha256 only: a stolen copy of the database signs nobody in. They are 256 bits of chance, so a hash
without salt and cost is enough, and it can be looked up.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from enogu.accounts.entities import Account, ApiToken, Credentials, OpenIdSignIn, SignedIn
from enogu.storage.database import Base, RowId, Session

NAME_LENGTH = 64


class AccountRow(Base):
    """One account."""

    __tablename__ = "accounts"

    id: Mapped[RowId]
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(String(4 * NAME_LENGTH), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    is_admin: Mapped[bool]
    plan_name: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class SessionRow(Base):
    """One browser that is signed in."""

    __tablename__ = "sessions"

    id: Mapped[RowId]
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    described: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class OpenIdIdentityRow(Base):
    """Who somebody is at an OpenID provider."""

    __tablename__ = "openid_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[RowId]
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]


class OpenIdSignInRow(Base):
    """A sign-in that is under way at the provider; the browser holds the state, this row what belongs to it."""

    __tablename__ = "openid_sign_ins"

    state_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(64))
    code_verifier: Mapped[str] = mapped_column(String(128))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ApiTokenRow(Base):
    """One key for scripts."""

    __tablename__ = "api_tokens"

    id: Mapped[RowId]
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


# ---- accounts --------------------------------------------------------------------------------------------------------


def add_account(
    session: Session,
    *,
    name: str,
    name_key: str,
    password_hash: str | None,
    is_admin: bool,
    plan_name: str,
    now: datetime,
) -> Account | None:
    """A new account; None when the name is taken."""
    row = AccountRow(
        name=name,
        name_key=name_key,
        password_hash=password_hash,
        is_admin=is_admin,
        plan_name=plan_name,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return None
    return _account(row)


def find_account(session: Session, account_id: str) -> Account | None:
    """By id."""
    row = session.get(AccountRow, account_id)
    return None if row is None else _account(row)


def find_credentials(session: Session, name_key: str) -> Credentials | None:
    """By name, with the hash."""
    row = session.scalars(select(AccountRow).where(AccountRow.name_key == name_key)).one_or_none()
    return None if row is None else Credentials(_account(row), row.password_hash)


def find_first_admin(session: Session) -> Account | None:
    """The administrator who was there first."""
    row = session.scalars(select(AccountRow).where(AccountRow.is_admin).order_by(AccountRow.id).limit(1)).first()
    return None if row is None else _account(row)


def count_admins(session: Session, *, with_password: bool = False) -> int:
    """All administrators, or those who can sign in with a password."""
    query = select(func.count()).select_from(AccountRow).where(AccountRow.is_admin)
    if with_password:
        query = query.where(AccountRow.password_hash.is_not(None))
    return session.scalars(query).one()


def list_accounts(session: Session, after: str | None, limit: int, search_key: str = "") -> tuple[Account, ...]:
    """Oldest first, those behind the id ``after``, whose name's key holds ``search_key``."""
    query = select(AccountRow).order_by(AccountRow.id).limit(limit)
    if search_key:
        query = query.where(AccountRow.name_key.contains(search_key, autoescape=True))
    if after is not None:
        query = query.where(AccountRow.id > after)
    return tuple(_account(row) for row in session.scalars(query))


def change_account(
    session: Session,
    account_id: str,
    *,
    name: str | None = None,
    name_key: str | None = None,
    password_hash: str | None = None,
    is_admin: bool | None = None,
    plan_name: str | None = None,
) -> bool:
    """Set what is not None. False when there is no such account, or the new name is taken."""
    values = {
        "name": name,
        "name_key": name_key,
        "password_hash": password_hash,
        "is_admin": is_admin,
        "plan_name": plan_name,
    }
    row = session.get(AccountRow, account_id, with_for_update=True)
    if row is None:
        return False
    try:
        with session.begin_nested():
            for column, value in values.items():
                if value is not None:
                    setattr(row, column, value)
    except IntegrityError:
        return False
    return True


def delete_account(session: Session, account_id: str) -> None:
    """With its sessions and tokens, by the foreign keys."""
    session.execute(delete(AccountRow).where(AccountRow.id == account_id))


# ---- sessions --------------------------------------------------------------------------------------------------------


def add_session(
    session: Session, *, account_id: str, token_sha256: str, described: str, now: datetime, expires_at: datetime
) -> str:
    """The new session's id."""
    row = SessionRow(
        account_id=account_id,
        token_sha256=token_sha256,
        described=described,
        created_at=now,
        seen_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row.id


def find_session(session: Session, token_sha256: str, now: datetime) -> tuple[SignedIn, Account] | None:
    """The session of this token and its account, unless it has run out."""
    found = session.execute(
        select(SessionRow, AccountRow)
        .join(AccountRow, AccountRow.id == SessionRow.account_id)
        .where(SessionRow.token_sha256 == token_sha256, SessionRow.expires_at > now)
    ).one_or_none()
    return None if found is None else (_signed_in(found[0]), _account(found[1]))


def list_sessions(session: Session, account_id: str, now: datetime) -> tuple[SignedIn, ...]:
    """One account's, newest first, without those that have run out."""
    query = select(SessionRow).where(SessionRow.account_id == account_id, SessionRow.expires_at > now)
    return tuple(_signed_in(row) for row in session.scalars(query.order_by(SessionRow.id.desc())))


def touch_session(session: Session, session_id: str, now: datetime, expires_at: datetime) -> None:
    """Note a use."""
    session.execute(update(SessionRow).where(SessionRow.id == session_id).values(seen_at=now, expires_at=expires_at))


def delete_session(session: Session, account_id: str, session_id: str) -> bool:
    """Whether it was there, and this account's."""
    found = session.execute(
        delete(SessionRow)
        .where(SessionRow.id == session_id, SessionRow.account_id == account_id)
        .returning(SessionRow.id)
    )
    return found.one_or_none() is not None


def delete_sessions(session: Session, account_id: str, except_id: str | None) -> int:
    """All of one account's but one; how many."""
    query = delete(SessionRow).where(SessionRow.account_id == account_id)
    if except_id is not None:
        query = query.where(SessionRow.id != except_id)
    return len(session.execute(query.returning(SessionRow.id)).all())


def delete_expired(session: Session, now: datetime) -> int:
    """Sessions and tokens that have run out; how many."""
    gone = session.execute(delete(SessionRow).where(SessionRow.expires_at <= now).returning(SessionRow.id)).all()
    tokens = delete(ApiTokenRow).where(ApiTokenRow.expires_at <= now).returning(ApiTokenRow.id)
    return len(gone) + len(session.execute(tokens).all())


# ---- OpenID ----------------------------------------------------------------------------------------------------------


def add_openid_sign_in(
    session: Session,
    *,
    state_sha256: str,
    nonce: str,
    code_verifier: str,
    account_id: str | None,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Note a sign-in that begins, and forget those that never came back."""
    session.execute(delete(OpenIdSignInRow).where(OpenIdSignInRow.expires_at <= now))
    session.add(
        OpenIdSignInRow(
            state_sha256=state_sha256,
            nonce=nonce,
            code_verifier=code_verifier,
            account_id=account_id,
            expires_at=expires_at,
        )
    )
    session.flush()


def take_openid_sign_in(session: Session, state_sha256: str, now: datetime) -> OpenIdSignIn | None:
    """What belongs to a state, once: the row is gone afterwards."""
    row = session.execute(
        delete(OpenIdSignInRow)
        .where(OpenIdSignInRow.state_sha256 == state_sha256, OpenIdSignInRow.expires_at > now)
        .returning(OpenIdSignInRow.nonce, OpenIdSignInRow.code_verifier, OpenIdSignInRow.account_id)
    ).one_or_none()
    return None if row is None else OpenIdSignIn(row.nonce, row.code_verifier, row.account_id)


def find_account_of_identity(session: Session, issuer: str, subject: str) -> Account | None:
    """Whose identity it is."""
    row = session.scalars(
        select(AccountRow)
        .join(OpenIdIdentityRow, OpenIdIdentityRow.account_id == AccountRow.id)
        .where(OpenIdIdentityRow.issuer == issuer, OpenIdIdentityRow.subject == subject)
    ).one_or_none()
    return None if row is None else _account(row)


def add_identity(session: Session, *, account_id: str, issuer: str, subject: str, now: datetime) -> bool:
    """False when the identity is somebody's already."""
    try:
        with session.begin_nested():
            session.add(OpenIdIdentityRow(account_id=account_id, issuer=issuer, subject=subject, created_at=now))
    except IntegrityError:
        return False
    return True


# ---- API tokens ------------------------------------------------------------------------------------------------------


def add_api_token(
    session: Session, *, account_id: str, token_sha256: str, name: str, now: datetime, expires_at: datetime | None
) -> str:
    """The new token's id."""
    row = ApiTokenRow(
        account_id=account_id, token_sha256=token_sha256, name=name, created_at=now, expires_at=expires_at
    )
    session.add(row)
    session.flush()
    return row.id


def find_api_token(session: Session, token_sha256: str, now: datetime) -> tuple[ApiToken, Account] | None:
    """The API token of this secret and its account, unless it has run out."""
    found = session.execute(
        select(ApiTokenRow, AccountRow)
        .join(AccountRow, AccountRow.id == ApiTokenRow.account_id)
        .where(
            ApiTokenRow.token_sha256 == token_sha256,
            ApiTokenRow.expires_at.is_(None) | (ApiTokenRow.expires_at > now),
        )
    ).one_or_none()
    return None if found is None else (_api_token(found[0]), _account(found[1]))


def list_api_tokens(session: Session, account_id: str) -> tuple[ApiToken, ...]:
    """One account's, newest first; those that have run out are shown until they are swept."""
    query = select(ApiTokenRow).where(ApiTokenRow.account_id == account_id).order_by(ApiTokenRow.id.desc())
    return tuple(_api_token(row) for row in session.scalars(query))


def touch_api_token(session: Session, token_id: str, now: datetime) -> None:
    """Note a use."""
    session.execute(update(ApiTokenRow).where(ApiTokenRow.id == token_id).values(seen_at=now))


def delete_api_token(session: Session, account_id: str, token_id: str) -> bool:
    """Whether it was there, and this account's."""
    found = session.execute(
        delete(ApiTokenRow)
        .where(ApiTokenRow.id == token_id, ApiTokenRow.account_id == account_id)
        .returning(ApiTokenRow.id)
    )
    return found.one_or_none() is not None


def _account(row: AccountRow) -> Account:
    return Account(row.id, row.name, row.is_admin, row.plan_name, row.password_hash is not None, row.created_at)


def _signed_in(row: SessionRow) -> SignedIn:
    return SignedIn(row.id, row.account_id, row.described, row.created_at, row.seen_at, row.expires_at)


def _api_token(row: ApiTokenRow) -> ApiToken:
    return ApiToken(row.id, row.account_id, row.name, row.created_at, row.seen_at, row.expires_at)
