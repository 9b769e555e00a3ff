"""The tests, one folder per kind: unit, property, contract, golden, integration, fault, e2e, docs."""
