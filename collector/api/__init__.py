"""The HTTP server: health, metrics, reload, and the usage API for billing systems.

It owns the listener, tokens, the reading of query parameters, pages and cursors, and problem documents. It decides
nothing about money: rows come from the ledger's port and are only cut into pages. It writes nothing to the ledger.

Invariants: a token sees its tenants only, and another tenant looks exactly like one that does not exist; no answer
holds a secret or an internal detail of an error; every page, range, wait and number of connections has a bound.
"""
