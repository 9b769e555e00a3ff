"""NSX-V (NSX Data Center for vSphere 6.x): edges, asked at their manager or through VMware Cloud Director.

It owns the log-in, the list of edges and their uplinks, and the reading of rates per interval, in XML and JSON. It
refuses to guess: a figure that is no rate is refused and told, and never a zero. It books nothing: which sample counts,
and that it counts once, is decided by ``collector.core.rates``.
"""
