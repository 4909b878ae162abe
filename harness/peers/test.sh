#!/bin/sh
# test.sh BUILD: the tests of the peers' frame and of ssmbench.py, which need Python 3.9 and numpy.
set -eu
for python in python3 /usr/bin/python3; do
    if "$python" -c 'import numpy, sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
        SSMBENCH=$1/ssmbench SSMBENCH_LIBRARY=$1/libssmbench.so PYTHONPATH=harness exec "$python" -B \
            -m unittest peers.test_peers peers.test_ssmbench
    fi
done
echo "peers: no python3 of 3.9 or newer with numpy: \`make deps\` installs them" >&2
exit 4
