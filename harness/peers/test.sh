#!/bin/sh
# test.sh SSMBENCH: the tests of the peers' frame, which need Python 3.9 and nothing else.
set -eu
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo "peers: no python3 of 3.9 or newer: their tests were left out"
    exit 0
fi
SSMBENCH=$1 PYTHONPATH=harness PYTHONDONTWRITEBYTECODE=1 python3 -m unittest peers.test_peers
