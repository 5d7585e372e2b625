"""Every compiled loop: arrays in, arrays out."""

from clew.kernels import compiling

compiling.announce()
