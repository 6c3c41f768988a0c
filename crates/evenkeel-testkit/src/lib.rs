//! Peers, processes and dice for the tests of evenkeel.
