"""The contract: takes the compatibility layer out of the code, once no database needs it any more."""
