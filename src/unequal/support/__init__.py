"""What every room may use: errors, files, console, environment, devices, random streams."""
