"""Speed and memory of mpsnn beside its peers, measured in alternation in one run."""
