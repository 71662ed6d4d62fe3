"""Published networks that compute features, module by module."""
