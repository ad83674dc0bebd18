"""Applies revisions so that two deploys cannot race and a failover in the middle loses nothing.

`run` is the loop; the other modules each hold one part of it: `connect` (sessions and refusals),
`lock` (the deploy lock), `plan` (what is to be done), `retry` (what may be tried again), `ledger`
and `checksum` (which text was applied), `proof` (the last look), `offline` (the same as SQL text),
`execute` and `index` (what revisions call).
"""
