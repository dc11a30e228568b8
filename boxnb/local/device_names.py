"""The names that Windows reserves for devices, so that no file can have them, with any extension."""

DEVICE_NAMES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"
}
"""In lower case. Source: Microsoft Learn, *Naming Files, Paths, and Namespaces*."""
