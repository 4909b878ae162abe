"""Times other implementations of the operations here, on the same inputs.

    cd harness && python3 -m peers bench --suite speedup --out FILE.jsonl

docs/peers.md says what is compared and how. Needs Python 3.9, PyTorch and an ssmbench binary.
"""
