"""The provider's Cloud Director: organisations, gateways, external networks and addresses over the same routers.

It knows whose every gateway is, and when that changed. Imports nothing of the daemon.
"""
