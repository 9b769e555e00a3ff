"""A light manager in a process of its own: the log-in, and statistics whose counters and times move with each poll.

It serves from templates, so that it leaves the processor to what is measured; its own time is never counted. The same
counters are served as a Prometheus target under ``/probe``.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import trustme

HOST: Final = "127.0.0.1"

BEGUN_AT_MS: Final = int(time.time() - 12 * 3_600) * 1_000
"""Device time of the first answer: long enough ago for hundreds of polls, each a minute after the one before."""

STEP_MS: Final = 60_000
"""Device time between two answers about one series: as if it were polled once a minute."""

SLOT_MS: Final = 300_000

STEP_BYTES: Final = 750_000_000
"""Growth between two answers: 100 Mbit/s."""

_ROW = (
    '{"transport_node_id":"%(node)s","last_update_timestamp":%(at)d,'
    '"rx":{"total_bytes":%(rx)d,"total_packets":%(packets)d,"dropped_packets":%(dropped)d,"blocked_packets":0,'
    '"destination_unsupported_dropped_packets":0,"firewall_dropped_packets":0,"malformed_dropped_packets":0,'
    '"no_receiver_dropped_packets":0,"no_route_dropped_packets":0,"proto_unsupported_dropped_packets":0,'
    '"redirect_dropped_packets":0,"rpf_check_dropped_packets":0,"ttl_exceeded_dropped_packets":0},'
    '"tx":{"total_bytes":%(tx)d,"total_packets":%(packets)d,"dropped_packets":%(dropped)d,"blocked_packets":0,'
    '"firewall_dropped_packets":0,"frag_needed_dropped_packets":0,"no_arp_dropped_packets":0,'
    '"no_linked_dropped_packets":0,"no_mem_dropped_packets":0}}'
)
_ANSWER = '{"logical_router_port_id":"%(port)s","per_node_statistics":[' + _ROW + "]}"

_PROBE = "".join(
    f'# TYPE nsx_port_{name}_total counter\nnsx_port_{name}_total{{port="%(port)s",node="%(node)s"}} %({key})d\n'
    for name, key in (
        ("rx_bytes", "rx"),
        ("tx_bytes", "tx"),
        ("rx_packets", "packets"),
        ("tx_packets", "packets"),
        ("rx_dropped_packets", "dropped"),
        ("tx_dropped_packets", "dropped"),
    )
)

_EDGE = re.compile(r"edge-nodes%2F([0-9a-f-]+)")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


class _Connection(asyncio.Protocol):
    """One connection: requests in, answers out, in order."""

    polls: ClassVar[dict[tuple[bool, str], int]] = {}
    served: ClassVar[int] = 0

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            assert self._transport is not None
            self._transport.write(_answer(head.split(b" ", 2)[1].decode(), b"northmeter" in head))


def _answer(target: str, is_daemon: bool) -> bytes:
    """Return the answer to a GET; each who asks has a time of its own, so that the floor makes no gaps."""
    if target.startswith("/served"):
        return _http(str(_Connection.served).encode(), "text/plain")
    if target.startswith("/api/session"):
        return _http(
            b"", "text/plain", b"Set-Cookie: JSESSIONID=0123456789ABCDEF; Path=/\r\nX-XSRF-TOKEN: 0-1-2-3-4\r\n"
        )
    _Connection.served += 1
    count = _Connection.polls.get((is_daemon, target), 0)
    _Connection.polls[is_daemon, target] = count + 1
    edge = _EDGE.search(target)
    values = {
        "port": f"{zlib.crc32(target.partition('?')[0].encode()):036x}",
        "node": edge[1] if edge else "n",
        "at": BEGUN_AT_MS + count * STEP_MS + _offset(target),
        "rx": (1 << 45) + count * STEP_BYTES,
        "tx": (1 << 44) + count * STEP_BYTES,
        "packets": (1 << 33) + count * (STEP_BYTES // 1_000),
        "dropped": count,
    }
    if target.startswith("/probe"):
        return _http((_PROBE % values).encode(), "text/plain; version=0.0.4; charset=utf-8")
    return _http((_ANSWER % values).encode(), "application/json")


def _offset(target: str) -> int:
    """Return where in a slot a series begins, so that in each cycle a fifth of them crosses into the next slot."""
    return zlib.crc32(target.encode()) % SLOT_MS


def _http(body: bytes, kind: str, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s" % (
        kind.encode(),
        more,
        len(body),
        body,
    )


async def _serve(certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(_Connection, HOST, 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


class LightManager(NamedTuple):
    """A running server.

    Attributes:
        url: Its address.
        ca_file: What proves it.
    """

    url: str
    ca_file: Path


@contextmanager
def light_manager() -> Iterator[LightManager]:
    """Run the server in a process of its own while the block runs."""
    with tempfile.TemporaryDirectory(prefix="northmeter-bench-") as name:
        folder = Path(name)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.answers", str(folder / "server.pem")], stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield LightManager(f"https://{HOST}:{port}", folder / "ca.pem")
        finally:
            process.terminate()
            process.wait(timeout=10)
            if process.stdout is not None:
                process.stdout.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
