"""The HDF5 contract: skeleton, records, schema, writer, reader, and the two JSON files beside it."""
