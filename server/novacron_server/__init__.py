"""What the sidecar does: serve the contract over whatever adapters are installed; it never names a cloud."""
