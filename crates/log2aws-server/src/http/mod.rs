//! The HTTP side: connections, client addresses, routing.

pub(crate) mod accept;
pub(crate) mod activity;
pub(crate) mod client_ip;
pub(crate) mod client_ip_layer;
pub(crate) mod connections;
pub(crate) mod lingering_stream;
pub(crate) mod new_servers;
pub(crate) mod rate_limit;
pub(crate) mod readiness;
pub(crate) mod router;
pub(crate) mod timeout_body;
pub(crate) mod tls;
