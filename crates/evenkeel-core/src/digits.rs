//! Numbers, addresses and names as text, for what is written for each session and each request. [`fmt`] can do all of it; what
//! it knows of signs, widths and fills makes an address of IPv4 ten times as dear.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The longest of all is an address of IPv6 with a zone and a port, of 58.
const BYTES: usize = 64;

/// The two digits of each number below a hundred.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    pairs
};

/// The last two digits of a number.
fn pair(number: u64) -> [u8; 2] {
    PAIRS[(number % 100) as usize]
}

/// Some ASCII text.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    bytes: [u8; BYTES],
    len: usize,
}

impl Digits {
    const NONE: Self = Self { bytes: [0; BYTES], len: 0 };

    /// A number.
    pub fn of(number: u64) -> Self {
        let mut digits = Self::NONE;
        digits.push_number(number);
        digits
    }

    /// An address without a port.
    pub fn of_ip(ip: IpAddr) -> Self {
        let mut digits = Self::NONE;
        match ip {
            IpAddr::V4(ip) => digits.push_ipv4(ip),
            // Fits, as do all that follow.
            IpAddr::V6(ip) => drop(write!(digits, "{ip}")),
        }
        digits
    }

    /// An address with a port.
    pub fn of_addr(addr: SocketAddr) -> Self {
        let mut digits = Self::NONE;
        match addr {
            SocketAddr::V4(addr) => {
                digits.push_ipv4(*addr.ip());
                digits.push(b':');
                digits.push_number(addr.port().into());
            }
            SocketAddr::V6(addr) => drop(write!(digits, "{addr}")),
        }
        digits
    }

    /// A number of thousandths, with three decimals.
    pub fn of_thousandths(number: u64) -> Self {
        let mut digits = Self::of(number / 1000);
        let ([_, hundred], [ten, one]) = (pair(number / 100), pair(number));
        digits.push_all(&[b'.', hundred, ten, one]);
        digits
    }

    /// A time as RFC 3339 has it, in UTC: year, month and day; hours, minutes and seconds; milliseconds.
    pub fn of_time(date: [u64; 3], time: [u64; 3], millis: u64) -> Self {
        let ([year, month, day], [hours, minutes, seconds]) = (date, time);
        let mut digits = Self::NONE;
        digits.push_pair(year / 100);
        for (number, mark) in
            [(year, b'-'), (month, b'-'), (day, b'T'), (hours, b':'), (minutes, b':'), (seconds, b'.')]
        {
            digits.push_pair(number);
            digits.push(mark);
        }
        let ([_, hundred], [ten, one]) = (pair(millis / 100), pair(millis));
        digits.push_all(&[hundred, ten, one, b'Z']);
        digits
    }

    /// 32 hexadecimal digits.
    pub fn of_id(id: u128) -> Self {
        let mut digits = Self::NONE;
        for shift in (0..32).rev() {
            digits.push(b"0123456789abcdef"[(id >> (shift * 4)) as usize & 15]);
        }
        digits
    }

    /// As bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(room) = self.bytes.get_mut(self.len) {
            *room = byte;
            self.len += 1;
        }
    }

    fn push_all(&mut self, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn push_number(&mut self, number: u64) {
        let (mut digits, mut at, mut rest) = ([0; 20], 20, number);
        while rest >= 100 {
            at -= 2;
            digits[at..at + 2].copy_from_slice(&pair(rest));
            rest /= 100;
        }
        let [ten, one] = pair(rest);
        at -= 1;
        digits[at] = one;
        if ten != b'0' {
            at -= 1;
            digits[at] = ten;
        }
        self.push_all(&digits[at..]);
    }

    /// The last two digits of a number.
    fn push_pair(&mut self, number: u64) {
        self.push_all(&pair(number));
    }

    fn push_ipv4(&mut self, ip: Ipv4Addr) {
        for (index, octet) in ip.octets().into_iter().enumerate() {
            if index > 0 {
                self.push(b'.');
            }
            self.push_number(octet.into());
        }
    }
}

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.push(byte));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv6Addr, SocketAddrV6};

    proptest! {
        #[test]
        fn they_are_as_the_standard_library_writes_them(
            ip: IpAddr, port: u16, zone: u32, flow: u32, number: u64, id: u128,
        ) {
            let text = |digits: Digits| digits.as_str().to_owned();
            prop_assert_eq!(text(Digits::of(number)), number.to_string());
            let (whole, thousandths) = (number / 1000, number % 1000);
            prop_assert_eq!(text(Digits::of_thousandths(number)), format!("{whole}.{thousandths:03}"));
            prop_assert_eq!(text(Digits::of_id(id)), format!("{id:032x}"));
            prop_assert_eq!(text(Digits::of_ip(ip)), ip.to_string());
            let addr = match ip {
                IpAddr::V4(_) => SocketAddr::new(ip, port),
                IpAddr::V6(ip) => SocketAddrV6::new(ip, port, flow, zone).into(),
            };
            prop_assert_eq!(text(Digits::of_addr(addr)), addr.to_string());
        }
    }

    #[test]
    fn the_longest_fit() {
        let longest = SocketAddrV6::new(Ipv6Addr::from([0xff; 16]), u16::MAX, 0, u32::MAX);
        assert_eq!(Digits::of_addr(longest.into()).as_str(), longest.to_string());
        assert_eq!(Digits::of(u64::MAX).as_str(), u64::MAX.to_string());
        assert_eq!(Digits::of(0).as_str(), "0");
    }

    #[test]
    fn small_numbers_have_no_more_digits_than_they_need() {
        for number in 0..=10_000 {
            assert_eq!(Digits::of(number).as_str(), number.to_string());
        }
    }

    #[test]
    fn a_time_has_all_its_digits() {
        assert_eq!(Digits::of_time([2026, 1, 2], [3, 4, 5], 6).as_str(), "2026-01-02T03:04:05.006Z");
        assert_eq!(Digits::of_time([9999, 12, 31], [23, 59, 59], 999).as_str(), "9999-12-31T23:59:59.999Z");
    }
}
