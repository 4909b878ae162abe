"""One file for each package and operation; each has a list PEERS of peer.Peer."""
