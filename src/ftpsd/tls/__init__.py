"""TLS policy, contexts, channels and proofs of session reuse."""
