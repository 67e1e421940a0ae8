"""The secrets of one process: one file of keys, from which everything that seals or signs derives its own.

The file has one key a line, 32 bytes in URL-safe base64, the newest first: it seals and signs; the older ones still
open and verify, so a key is changed by putting a new line on top. `whistlectl keys new` writes such a line.
INVARIANT: what was sealed for one purpose opens for no other.
"""

import base64
import binascii
import hmac
import secrets
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_LENGTH, _NONCE, _ID = 32, 12, 4


class Unreadable(Exception):
    """What was to be opened was sealed by a key that is not here, for another purpose, or was changed."""


def new_key() -> str:
    """A line for a key file."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_LENGTH)).decode()


def seal_with(key: bytes, plain: bytes, purpose: str) -> bytes:
    """AES-256-GCM under a key of 32 bytes; `purpose` is authenticated and must be named again to open it."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, purpose.encode())


def open_with(key: bytes, sealed: bytes, purpose: str) -> bytes:
    """What `seal_with` sealed. Raises Unreadable."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
    except (InvalidTag, ValueError) as error:
        raise Unreadable(purpose) from error


class Keyring:
    """Keys in order, the newest first. Raises ValueError for a key that is none."""

    def __init__(self, *lines: str) -> None:
        self._keys = [_read(line) for line in lines]
        if not self._keys:
            raise ValueError("a key file needs at least one key")

    @classmethod
    def of(cls, file: Path) -> "Keyring":
        """The keys in a file. Raises OSError, and ValueError naming the file."""
        lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
        try:
            return cls(*(line for line in lines if line and not line.startswith("#")))
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Sealed by the newest key."""
        key = self._keys[0]
        return _id_of(key) + seal_with(_derived(key, "seal"), plain, purpose)

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What any of the keys sealed for this purpose. Raises Unreadable."""
        for key in self._keys:
            if _id_of(key) == sealed[:_ID]:
                return open_with(_derived(key, "seal"), sealed[_ID:], purpose)
        raise Unreadable(f"{purpose}: sealed by a key that is not in the key file")

    def tag(self, message: bytes, purpose: str) -> str:
        """A message's authentication tag, URL-safe, by the newest key."""
        return _tag(self._keys[0], message, purpose)

    def tags(self, message: bytes, purpose: str) -> list[str]:
        """The tags that each of the keys makes of a message, the newest key's first."""
        return [_tag(key, message, purpose) for key in self._keys]

    def is_tag(self, tag: str, message: bytes, purpose: str) -> bool:
        """Whether any of the keys made this tag of this message."""
        return any(hmac.compare_digest(_tag(key, message, purpose).encode(), tag.encode()) for key in self._keys)

    def sign(self, message: bytes) -> tuple[str, bytes]:
        """(key id, Ed25519 signature) by the newest key: what others can check without any secret."""
        private = _signing(self._keys[0])
        return key_id(private.public_key()), private.sign(message)

    def secrets_for(self, purpose: str) -> list[bytes]:
        """32 bytes from each key, the newest first, for what makes a key of its own from them."""
        return [_derived(key, "secret " + purpose) for key in self._keys]

    def public_keys(self) -> dict[str, Ed25519PublicKey]:
        """Key id → the key that checks signatures made here, newest first."""
        publics = [_signing(key).public_key() for key in self._keys]
        return {key_id(public): public for public in publics}


def key_id(public: Ed25519PublicKey) -> str:
    """Sixteen hexadecimal digits that name a public key."""
    return sha256(public.public_bytes_raw()).hexdigest()[:16]


def is_signed(public: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the holder of the private key signed this message."""
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _read(line: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(line)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _LENGTH:
        raise ValueError("a key is 32 bytes in URL-safe base64")
    return key


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), _LENGTH, None, b"whistle " + purpose.encode()).derive(key)


def _id_of(key: bytes) -> bytes:
    return sha256(b"whistle key id" + key).digest()[:_ID]


def _tag(key: bytes, message: bytes, purpose: str) -> str:
    digest = hmac.new(_derived(key, "tag " + purpose), message, sha256).digest()
    return base64.urlsafe_b64encode(digest[:24]).decode()


def _signing(key: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_derived(key, "sign"))
