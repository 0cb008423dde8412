"""The growth of costs with tenants, schemes, keys, principals and worker processes."""
