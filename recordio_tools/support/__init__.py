"""What the tools share as programs: command lines, progress, output that appears whole, reports."""
