"""The transport-agnostic core of the Tilde SDK. Users import `tilde`."""
