"""What several test folders share: builders, servers, databases. Asserts no promise itself."""
