"""VMware Cloud Director: whose the gateways, external networks and addresses are; API versions 33.0 to 39.1.

It owns the log-ins (with the safe-keeping of a token that changes at each use), the choice of an API version, paging,
and the reading of a whole :class:`collector.model.directory.CloudMap`. It refuses to guess: a row that is not what the
API promises, a list that does not hold what its total says, and a reference that leads nowhere make the map incomplete,
and an incomplete map is never put in force. It counts no bytes: Cloud Director has none of NSX-T gateways.
"""
