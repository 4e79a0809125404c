"""What there is: the providers, their health, and what they can do."""
