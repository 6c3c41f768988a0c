//! What is counted: the name of every metric, once, and the buckets that times fall into.
//!
//! Counters are cumulative, times are in seconds, sizes in bytes. Labels are words of the configuration and never what
//! a stranger can choose, so that the number of series is bounded by the configuration.

use std::time::Duration;

/// One metric, as Prometheus sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What becomes of its value.
    pub kind: MetricKind,
    /// What it says, as one line without a full stop.
    pub help: &'static str,
}

/// What becomes of a metric's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts how many times were at most so long.
    Histogram,
}

impl MetricKind {
    /// The word for it in the text format.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: Metric =
            Metric { name: concat!("evenkeel_", $name), kind: MetricKind::$kind, help: $help };)*
        /// Every metric of evenkeel's own, in the order in which they are told.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    BUILD_INFO Gauge "build_info" "Always 1; the version is in the label";
    WORKERS Gauge "workers" "Threads that carry traffic";
    WORKERS_BUSY_POLLING Gauge "workers_busy_polling" "Of those, the ones that look for something to do before they sleep";
    SESSIONS_OPEN Gauge "sessions_open" "Sessions open now, in all services";
    SESSIONS_MAX Gauge "sessions_max" "Sessions at once, at most; at that many accepting pauses";
    SESSIONS_UNWATCHED Counter "sessions_unwatched_total" "Sessions so short that the kernel was never asked to watch their sockets";
    EARLY_BYTES Gauge "early_bytes" "Bytes held for clients that have no backend yet";
    EARLY_BYTES_MAX Gauge "early_bytes_max" "So many of those, at most; whoever finds no room is refused";
    CEILINGS Counter "ceilings_total" "Times that a ceiling stood against accepting";
    ACCEPT_FAILURES Counter "accept_failures_total" "Times that accepting failed for want of descriptors or memory";
    PANICS Counter "panics_total" "Sessions that a defect of evenkeel ended";
    PIPES_OPEN Gauge "pipes_open" "Kernel pipes open for bulk transfers";
    CALLS_REFUSED Counter "calls_refused_total" "System calls that the sandbox refused";
    LOG_LINES_DROPPED Counter "log_lines_dropped_total" "Lines of the log that were dropped because it is read too slowly or cannot be written";
    LOG_LINES_LEFT_OUT Counter "log_lines_left_out_total" "Lines of the log that were left out because there were too many alike";
    REPORTS_DROPPED Counter "reports_dropped_total" "Reports from workers that found the control loop busy";
    DRAINING Gauge "draining" "Whether it is stopping";
    CONFIG_LAST_RELOAD_SUCCESSFUL Gauge "config_last_reload_successful" "Whether the last reload was taken; 1 before the first";
    CONFIG_LAST_RELOAD_SUCCESS Gauge "config_last_reload_success_timestamp_seconds" "When the configuration in force was taken";
    CONFIG_RELOADS Counter "config_reloads_total" "Reloads, by result";
    TLS_CERTIFICATE_EXPIRY Gauge "tls_certificate_expiry_timestamp_seconds" "Until when a certificate that is shown is valid";
    ACME_ATTEMPTS Counter "acme_attempts_total" "Certificates that were to be obtained from an authority, by result";
    ACME_CERTIFICATES Gauge "acme_certificates" "Whether there is a certificate that was obtained, by name";
    ACME_DUE Gauge "acme_due_timestamp_seconds" "When a certificate is to be obtained next, by name";
    SERVICE_SESSIONS Counter "service_sessions_total" "Sessions accepted";
    SERVICE_SESSIONS_OPEN Gauge "service_sessions_open" "Sessions open now";
    SERVICE_ENDS Counter "service_session_ends_total" "Sessions that have ended, by how";
    SERVICE_FAILED Counter "service_sessions_failed_total" "Sessions that failed: not by the client's doing, and not as a limit or an operator wanted";
    SERVICE_TO_BACKEND Counter "service_to_backend_bytes_total" "Bytes carried to backends";
    SERVICE_TO_CLIENT Counter "service_to_client_bytes_total" "Bytes carried to clients";
    SERVICE_DATAGRAMS Counter "service_datagrams_total" "Datagrams carried, by direction; of services that take datagrams, as the next";
    SERVICE_DATAGRAMS_DROPPED Counter "service_datagrams_dropped_total" "Datagrams that did not go on, by why";
    SERVICE_RETRIES Counter "service_retries_total" "Connects tried again on another backend";
    SERVICE_OBSERVED Counter "service_observed_total" "Sessions that a rule that only observes was against, by rule";
    SERVICE_UNCOUNTED Counter "service_sources_uncounted_total" "Clients who were let in uncounted, as there were too many sources to count";
    SERVICE_TLS_HANDSHAKES Counter "service_tls_handshakes_total" "TLS handshakes with clients that came to their end, by kind: full, or resumed from an earlier session";
    SERVICE_DURATION Histogram "service_session_duration_seconds" "Time from accept to the end";
    SERVICE_QUEUED Histogram "service_session_queued_seconds" "Time waited for a seat at a backend, by sessions that waited";
    SERVICE_REQUESTS Counter "service_requests_total" "Requests that have come to their end, by the class of the status that their clients were told";
    SERVICE_OUTCOMES Counter "service_request_outcomes_total" "Requests that have come to their end, by what became of them";
    SERVICE_CALLS Counter "service_grpc_calls_total" "Calls of gRPC that backends have answered to their end, by status";
    SERVICE_REQUEST_DURATION Histogram "service_request_duration_seconds" "Time from the end of a request's head to the end of its answer";
    SERVICE_FIRST_BYTE Histogram "service_request_first_byte_seconds" "Time from the end of a request's head to the first byte of its answer";
    ROUTE_REQUESTS Counter "route_requests_total" "Requests that took a route of a service, by the class of the status that their clients were told";
    ROUTE_DURATION Histogram "route_request_duration_seconds" "Time from the end of the head of a request that took a route to the end of its answer";
    POOL_BACKENDS Gauge "pool_backends" "Backends of the pool, by state";
    POOL_WAITING Gauge "pool_sessions_waiting" "Sessions that wait for a seat now";
    POOL_CHECK_DURATION Histogram "pool_check_duration_seconds" "Time a health check took, by result";
    BACKEND_UP Gauge "backend_up" "Whether the backend may take traffic";
    BACKEND_WEIGHT Gauge "backend_weight" "Its share now; 0 while an operator keeps it out";
    BACKEND_SESSIONS Counter "backend_sessions_total" "Sessions connected to the backend";
    BACKEND_REQUESTS Counter "backend_requests_total" "Requests sent to the backend, also again";
    BACKEND_ERRORS Counter "backend_request_errors_total" "Requests that the backend answered with a status of 5xx, and calls of gRPC that count as such";
    BACKEND_SILENT Counter "backend_silent_connections_total" "Connections of HTTP/2 to the backend that were given up, as a ping was not answered";
    BACKEND_SESSIONS_OPEN Gauge "backend_sessions_open" "Sessions at the backend now, connects in progress included";
    BACKEND_CONNECT_FAILURES Counter "backend_connect_failures_total" "Connects of live traffic that failed, by reason";
    BACKEND_TO_BACKEND Counter "backend_to_backend_bytes_total" "Bytes carried to the backend";
    BACKEND_TO_CLIENT Counter "backend_to_client_bytes_total" "Bytes carried from the backend to clients";
    BACKEND_CONNECT Histogram "backend_connect_duration_seconds" "Time a connect that worked took";
    BACKEND_CHECKS Counter "backend_checks_total" "Health checks, by result";
    BACKEND_EJECTIONS Counter "backend_ejections_total" "Times that failures of live traffic took the backend out";
}

/// Buckets of a histogram: two for each power of two of microseconds, up to 71 minutes; the last has no bound.
pub const BUCKETS: usize = 64;

/// The bucket that `time` falls into.
pub fn bucket(time: Duration) -> usize {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    if micros < 2 {
        return micros as usize;
    }
    let power = micros.ilog2() as usize;
    let upper_half = (micros >> (power - 1)) as usize & 1;
    (2 * power + upper_half).min(BUCKETS - 1)
}

/// The first time that is too long for `bucket`, in microseconds.
pub fn bound_micros(bucket: usize) -> u64 {
    match bucket as u64 {
        bucket @ 0..2 => bucket + 1,
        bucket => (bucket % 2 + 3) << (bucket / 2 - 1),
    }
}

/// The time that `percent` of those in `buckets` do not exceed, to half a power of two; `None` if there are none.
pub fn percentile(buckets: &[u64; BUCKETS], percent: u64) -> Option<Duration> {
    let total: u64 = buckets.iter().sum();
    let rank = (total * percent).div_ceil(100).max(1);
    let mut seen = 0;
    let reaches = |count: &u64| {
        seen += count;
        seen >= rank
    };
    let bucket = buckets.iter().position(reaches)?;
    Some(Duration::from_micros(bound_micros(bucket)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_the_bucket_whose_bounds_are_around_it() {
        for power in 0..32 {
            for micros in [(1_u64 << power) - 1, 1 << power, (1 << power) + 1, 3 << power >> 1] {
                let bucket = bucket(Duration::from_micros(micros));
                assert!(micros < bound_micros(bucket), "{micros} µs in {bucket}");
                assert!(bucket == 0 || micros >= bound_micros(bucket - 1), "{micros} µs in {bucket}");
            }
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn bounds_grow_and_reach_every_power_of_two() {
        assert!((1..BUCKETS).all(|it| bound_micros(it) > bound_micros(it - 1)));
        assert_eq!([5, 7, 21].map(bound_micros), [8, 16, 2048]);
    }

    #[test]
    fn a_percentile_is_the_bound_of_the_bucket_that_reaches_it() {
        let mut buckets = [0; BUCKETS];
        assert_eq!(percentile(&buckets, 50), None);
        buckets[bucket(Duration::from_micros(100))] = 98;
        buckets[bucket(Duration::from_micros(5000))] = 2;
        assert_eq!(percentile(&buckets, 50), Some(Duration::from_micros(128)));
        assert_eq!(percentile(&buckets, 98), Some(Duration::from_micros(128)));
        assert_eq!(percentile(&buckets, 99), Some(Duration::from_micros(6144)));
    }

    #[test]
    fn names_follow_the_rules() {
        for metric in ALL {
            let is_total = metric.name.ends_with("_total");
            assert_eq!(is_total, metric.kind == MetricKind::Counter, "{}", metric.name);
            assert!(metric.name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_'), "{}", metric.name);
            assert!(!metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
