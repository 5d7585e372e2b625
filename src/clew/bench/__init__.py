"""Side by side with what one would use instead: the one place where timings live."""
