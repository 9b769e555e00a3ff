"""All knowledge of the APIs that we poll, one package each, and the HTTP that they share.

It owns connections, log-ins, retries and the request budget; it turns answers into records and decides nothing about
money. Invariants: no request leaves without a place in its source's budget; no secret is in a message; one broken
object, row or manager never stops the others; after refused credentials nothing is sent until the back-off is over.
"""
