//! `log2aws serve` as a library: the router, the S3 API and the analyzer threads in one process.
