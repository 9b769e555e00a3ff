"""The whole source of VMware Cloud Director over real sockets."""
