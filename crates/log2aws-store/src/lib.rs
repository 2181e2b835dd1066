//! Stores: in memory, and durable on a local disk.
