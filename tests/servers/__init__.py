"""Real servers for tests: Prometheus, InfluxDB 1.6 and VictoriaMetrics, on free ports, in temporary folders.

A server is started by its fixture (``start_prometheus``, ``start_influx``, ``start_victoria``), which waits until it is
ready, and stopped after the test. ``stop()`` and ``start()`` in between keep its port and its data, which is how tests
play an outage. A program that is not installed fails the test; it is never skipped. The log of each running server is
shown beside a test that fails.

Questions to a server are coroutines, because what it talks to often runs on the loop of the test.
"""

from tests.servers.influx import InfluxSeries, InfluxServer, InfluxV2Proxy
from tests.servers.process import ServerProcess, ServerStartError, free_port, until
from tests.servers.prometheus import PrometheusServer, PromSample, PromTarget, promtool_check_metrics
from tests.servers.victoria import VictoriaSeries, VictoriaServer

__all__ = [
    "InfluxSeries",
    "InfluxServer",
    "InfluxV2Proxy",
    "PromSample",
    "PromTarget",
    "PrometheusServer",
    "ServerProcess",
    "ServerStartError",
    "VictoriaSeries",
    "VictoriaServer",
    "free_port",
    "promtool_check_metrics",
    "until",
]
