"""Use cases: authorise, decide with the domain, persist, record in the ledger, in one transaction.

Plain synchronous Python without HTTP: no request object, no status code, no foreign word.
"""
