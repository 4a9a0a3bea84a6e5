"""The ops of a graph as methods, one module per family; `mpsnn.Graph` has them all."""
