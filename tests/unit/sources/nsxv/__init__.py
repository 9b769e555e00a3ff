"""The NSX-V source."""
