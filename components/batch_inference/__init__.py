"""Lists for every shopper at once, for e-mails and other places that no server is asked from."""
