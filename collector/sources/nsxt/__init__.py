"""NSX-T and NSX: the Policy API, from version 2.5 on.

It owns the log-ins, the inventory of gateways, interfaces and edge nodes, the choice of a link's end, and the
statistics of router ports; where they are wanted, VPN sessions, VPCs and transit gateways, and the ids by which a
director knows gateways and segments. It refuses to guess: what a row lacks is lacking, what an inventory could not
read makes it incomplete.
"""
