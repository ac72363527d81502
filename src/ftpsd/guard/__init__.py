"""What is kept about who may do how much: bans, access tables, quotas."""
