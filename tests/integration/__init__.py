"""Real servers, real sockets; the simulator over HTTP."""
