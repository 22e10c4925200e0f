"""One module for each adapter under the contract. A new module here is under it at once."""
