"""Everything that is Lightning: the module, the data module, the callbacks."""
