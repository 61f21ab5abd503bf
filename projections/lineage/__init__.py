"""The `lineage` read model: which asset or job came from which. References are in read models of their own."""
