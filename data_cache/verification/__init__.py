"""Is a cache file what the contract says, to the last byte?"""
