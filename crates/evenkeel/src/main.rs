//! A load balancer for TCP.

fn main() {}
