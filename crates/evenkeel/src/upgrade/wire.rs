//! Numbers, texts and times as bytes, for another evenkeel on this machine.

use evenkeel_core::addr::Addr;
use evenkeel_sys::clock;
use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Translates times: an `Instant` means the same number in every process of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    instant: Instant,
    number: Duration,
}

impl Clock {
    /// Set now.
    pub fn new() -> Self {
        Self { instant: Instant::now(), number: clock::monotonic() }
    }

    fn number(&self, at: Instant) -> Duration {
        match at.checked_duration_since(self.instant) {
            Some(later) => self.number.saturating_add(later),
            None => self.number.saturating_sub(self.instant - at),
        }
    }

    fn instant(&self, number: Duration) -> Instant {
        let at = match number.checked_sub(self.number) {
            Some(later) => self.instant.checked_add(later),
            None => self.instant.checked_sub(self.number - number),
        };
        at.unwrap_or(self.instant)
    }
}

/// Writes.
#[derive(Debug)]
pub struct Writer {
    /// What was written so far.
    pub bytes: Vec<u8>,
    clock: Clock,
}

impl Writer {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { bytes: Vec::new(), clock: Clock::new() }
    }

    pub fn u8(&mut self, n: u8) {
        self.bytes.push(n);
    }

    pub fn bool(&mut self, is_so: bool) {
        self.u8(is_so.into());
    }

    pub fn u16(&mut self, n: u16) {
        self.bytes.extend(n.to_le_bytes());
    }

    pub fn u32(&mut self, n: u32) {
        self.bytes.extend(n.to_le_bytes());
    }

    pub fn u64(&mut self, n: u64) {
        self.bytes.extend(n.to_le_bytes());
    }

    /// A length or an index.
    pub fn size(&mut self, n: usize) {
        self.u64(n as u64);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub fn path(&mut self, path: &Path) {
        self.bytes(path.as_os_str().as_bytes());
    }

    /// To the nanosecond; more than 584 years are 584 years.
    pub fn duration(&mut self, time: Duration) {
        self.u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn instant(&mut self, at: Instant) {
        self.duration(self.clock.number(at));
    }

    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub fn list<T>(&mut self, list: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.size(list.len());
        list.iter().for_each(|item| write(self, item));
    }

    pub fn ip(&mut self, ip: &IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.bytes(&ip.octets()),
            IpAddr::V6(ip) => self.bytes(&ip.octets()),
        }
    }

    pub fn addr(&mut self, addr: &Addr) {
        match addr {
            Addr::Ip(addr) => {
                self.bool(true);
                self.ip(&addr.ip());
                self.u16(addr.port());
            }
            Addr::Unix(path) => {
                self.bool(false);
                self.path(path);
            }
        }
    }
}

/// Reads what a [`Writer`] of the same format wrote. Whatever does not fit is `None`.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    clock: Clock,
}

impl<'a> Reader<'a> {
    /// From the beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, clock: Clock::new() }
    }

    /// Whether everything was read.
    pub fn is_done(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[n]| n)
    }

    pub fn bool(&mut self) -> Option<bool> {
        self.u8().map(|n| n != 0)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn size(&mut self) -> Option<usize> {
        self.u64()?.try_into().ok()
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.size()?;
        self.take(length)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    pub fn path(&mut self) -> Option<PathBuf> {
        self.bytes().map(|bytes| OsStr::from_bytes(bytes).into())
    }

    pub fn duration(&mut self) -> Option<Duration> {
        self.u64().map(Duration::from_nanos)
    }

    pub fn instant(&mut self) -> Option<Instant> {
        let number = self.duration()?;
        Some(self.clock.instant(number))
    }

    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.bool()? { read(self).map(Some) } else { Some(None) }
    }

    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.size()?;
        // Nothing is shorter than a byte: what promises more than there is makes no room for it.
        let mut list = Vec::with_capacity(length.min(self.bytes.len()));
        for _ in 0..length {
            list.push(read(self)?);
        }
        Some(list)
    }

    pub fn ip(&mut self) -> Option<IpAddr> {
        let bytes = self.bytes()?;
        let v4 = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
        v4().or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
    }

    pub fn addr(&mut self) -> Option<Addr> {
        if self.bool()? {
            let ip = self.ip()?;
            return Some(Addr::Ip(SocketAddr::new(ip, self.u16()?)));
        }
        Some(Addr::Unix(self.path()?.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let mut writer = Writer::new();
        let (soon, past) = (Instant::now() + Duration::from_secs(5), Instant::now() - Duration::from_secs(5));
        let addrs = ["1.2.3.4:5", "[::1]:6"].map(|addr| Addr::Ip(addr.parse().unwrap()));
        writer.list(&addrs, |writer, addr| writer.addr(addr));
        writer.addr(&Addr::Unix(Path::new("/run/a").into()));
        writer.instant(soon);
        writer.instant(past);
        writer.option(Some("text"), |writer, text| writer.text(text));
        writer.option(None::<u8>, Writer::u8);
        let mut reader = Reader::new(&writer.bytes);
        assert_eq!(reader.list(Reader::addr).unwrap(), addrs);
        assert_eq!(reader.addr(), Some(Addr::Unix(Path::new("/run/a").into())));
        for at in [soon, past] {
            let read = reader.instant().unwrap();
            let off = read.max(at) - read.min(at);
            assert!(off < Duration::from_millis(100), "{off:?}");
        }
        assert_eq!(reader.option(Reader::text), Some(Some("text")));
        assert_eq!(reader.option(Reader::u8), Some(None));
        assert!(reader.is_done() && reader.u8().is_none());
    }

    #[test]
    fn a_promise_of_more_than_there_is_is_refused() {
        let mut writer = Writer::new();
        writer.size(usize::MAX);
        assert_eq!(Reader::new(&writer.bytes).list(Reader::u8), None);
        assert_eq!(Reader::new(&writer.bytes).bytes(), None);
    }
}
