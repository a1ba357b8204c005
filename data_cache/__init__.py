"""The contract between the stages: HDF5 schema, writer, readers and inspection (numpy and h5py only)."""
