"""The source of VMware Cloud Director, one component at a time, against a fake director."""
