"""TLS of a destination: the files it is configured with, and what its failures say."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prober.destination import Destination
from prober.errors import InputError, Problem

if TYPE_CHECKING:
    import grpc

#: What to do about a certificate, by OpenSSL's verify code.
_MENDS: Final = {
    **dict.fromkeys((9, 10), "renew it there, or set this machine's clock right"),
    **dict.fromkeys((18, 19, 20, 21), "name its authority in `certificate`"),
    **dict.fromkeys((62, 64), "use an address that it is for"),
}
#: The same by what gRPC writes, which gives no code.
_GRPC_MENDS: Final = (
    (re.compile(r"certificate (has expired|is not yet valid)"), _MENDS[10]),
    (re.compile(r"self.signed certificate|unable to get (local )?issuer"), _MENDS[20]),
    (re.compile(r"Hostname Verification|not in peer certificate"), _MENDS[62]),
)
_GRPC_TLS: Final = re.compile(
    r"SSL_ERROR_SSL|handshake failed|peer certificate|CERTIFICATE_|Hostname Verification"
)


class Papers:
    """The PEM files of a destination, read anew when they were renewed on disk."""

    def __init__(self, destination: Destination) -> None:
        """Read them.

        Raises:
            InputError: one of them cannot be used.
        """
        self._authorities = destination.certificate
        self._certificate, self._key = destination.client_certificate, destination.client_key
        self._stamps = self._stamped()
        self._context = self._read()

    def renewed(self) -> bool:
        """Whether the files changed since they were read, and can be used as they are now."""
        stamps = self._stamped()
        if stamps == self._stamps:
            return False
        try:
            self._context = self._read()
        except InputError:  # half written: the next failure asks again
            return False
        self._stamps = stamps
        return True

    def context(self) -> ssl.SSLContext:
        """For HTTP."""
        return self._context

    def credentials(self) -> grpc.ChannelCredentials:
        """For gRPC."""
        import grpc

        files = (self._authorities, self._key, self._certificate)
        return grpc.ssl_channel_credentials(*(path and path.read_bytes() for path in files))

    def _read(self) -> ssl.SSLContext:
        import httpx

        if self._authorities is None:
            context = httpx.create_ssl_context()
        else:
            with _readable(self._authorities):
                context = ssl.create_default_context(cafile=self._authorities)
        if self._certificate:
            with _readable(self._certificate):  # without a password, OpenSSL would ask for one
                context.load_cert_chain(self._certificate, self._key, password=str)
        return context

    def _stamped(self) -> list[tuple[int, int]]:
        """What changes when a file is written or replaced; nothing for one that is away."""
        stamps = []
        for path in (self._authorities, self._certificate, self._key):
            with contextlib.suppress(OSError):
                if path:
                    found = path.stat()
                    stamps.append((found.st_mtime_ns, found.st_ino))
        return stamps


def complaint(error: BaseException) -> str | None:
    """What TLS had against a connection, and the mend; None when it was not TLS."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            mend = _MENDS.get(found.verify_code, "see its certificate")
            return f"its certificate is refused: {found.verify_message.rstrip('.')}, {mend}"
        if isinstance(found, ssl.SSLError):
            return _alert(found.reason or str(found))
        found = found.__cause__ or found.__context__
    return None


def grpc_complaint(details: str) -> str | None:
    """The same of what gRPC says; None when it does not speak of TLS."""
    if not _GRPC_TLS.search(details):
        return None
    for pattern, mend in _GRPC_MENDS:
        if found := pattern.search(details):
            return f"its certificate is refused: {found[0]}, {mend}"
    named = re.findall(r"[A-Z0-9]+(?:_[A-Z0-9]+){2,}", details)
    return _alert(named[-1] if named else details)


def _alert(reason: str) -> str:
    if "WRONG_VERSION_NUMBER" in reason:
        return f"no TLS there ({reason}), write http:// if that is meant"
    if "ALERT" in reason and ("CERT" in reason or "HANDSHAKE" in reason):
        return f"it refused our client certificate ({reason}), see `client_certificate`"
    return reason


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ssl.SSLError) as error:
        what, mend = f"cannot be used for TLS ({error})", "give a PEM file and its own key"
        raise InputError([Problem(str(path), 0, "", what, mend)]) from error
