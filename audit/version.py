"""The version of the desk: what is taken home from it says which one made it."""

VERSION = "0.14"
