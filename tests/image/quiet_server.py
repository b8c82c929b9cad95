"""A web server on loopback that does not mind clients which go away."""

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where a connection broke: that is what tests of faults are for."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
