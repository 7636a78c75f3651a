"""Why an installation failed, in words: installers say it in many lines, of which one tells."""

from __future__ import annotations

import re

from slicer.i18n import tr as _

CAUSES = (
    (
        r"No space left|Errno 28|not enough space|disk full|WinError 112",
        lambda: _("The disk is full. Free some space (PyTorch needs up to 6 GB) and press Install again."),
    ),
    (
        r"ProxyError|Cannot connect to proxy|Tunnel connection failed|\b407\b",
        lambda: _(
            "A proxy refused the connection. Set HTTPS_PROXY as your network asks, restart Slicer, and press Install again."
        ),
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerification",
        lambda: _(
            "The connection is not trusted, often because a proxy looks into it. Ask your network's support for its certificate."
        ),
    ),
    (
        r"NewConnectionError|Failed to establish|NameResolution|Name or service not known|getaddrinfo|nodename nor servname"
        r"|name resolution|unreachable|timed out|ConnectionReset|Connection aborted|URLError|Max retries",
        lambda: _("The package index was not reached. Check the internet connection and press Install again."),
    ),
    (
        r"Permission denied|Access is denied|WinError 5\b|Errno 13|Read-only file system|WinError 32",
        lambda: _(
            "Slicer's folder cannot be written. Close other Slicer windows, or start Slicer as a user who may write there."
        ),
    ),
    (
        r"No matching distribution|Could not find a version|ResolutionImpossible",
        lambda: _("There is no version of a package for this Slicer. Update Slicer, or report it with Copy report."),
    ),
)
"""What installers say, and what it means, the surest first: of a full disk pip says that, of no network many things."""


def cause(log: str) -> str:
    """Why an installation failed and what to do, in a sentence or two."""
    for pattern, words in CAUSES:
        if re.search(pattern, log, re.IGNORECASE):
            return words()
    return _("The installation failed. Restart Slicer and try again; Details shows what was said.")
