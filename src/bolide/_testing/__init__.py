"""The async core of the test client; `bolide.testclient` is its public face."""
