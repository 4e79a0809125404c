"""How we speak to a cloud: the contract of an adapter, the kit adapters share, and the adapters themselves."""
