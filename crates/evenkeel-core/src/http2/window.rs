//! Flow control: how much of a body may be under way. RFC 9113, section 5.2.

/// The window that every connection and stream begins with.
pub const FIRST_WINDOW: u32 = 65_535;

/// What a window may be, at most.
const MOST: i64 = 0x7fff_ffff;

/// What the other side has room for. It may be less than nothing after its settings have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outflow(i32);

/// A window would be larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl Outflow {
    /// One of so many bytes, 2³¹ − 1 at most.
    pub fn new(bytes: u32) -> Self {
        Self(i64::from(bytes).min(MOST) as i32)
    }

    /// Bytes that may be sent.
    pub fn room(self) -> usize {
        self.0.max(0) as usize
    }

    /// So many were sent.
    pub fn sent(&mut self, bytes: usize) {
        self.0 -= bytes.min(self.room()) as i32;
    }

    /// It changes by so many bytes.
    pub fn change(&mut self, by: i64) -> Result<(), TooLarge> {
        let window = i64::from(self.0) + by;
        self.0 = i32::try_from(window).map_err(|_| TooLarge)?;
        Ok(())
    }
}

/// What we have room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inflow {
    /// What may still come.
    left: u32,
    /// What came, was taken, and may come again, but has not been told of.
    owed: u32,
    size: u32,
}

/// More came than there was room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun;

impl Inflow {
    /// Room for so many bytes.
    pub fn new(size: u32) -> Self {
        Self { left: size, owed: 0, size }
    }

    /// So many came.
    pub fn came(&mut self, bytes: u32) -> Result<(), Overrun> {
        self.left = self.left.checked_sub(bytes).ok_or(Overrun)?;
        Ok(())
    }

    /// So many were taken: how many the other side is to be told of now, if any. It is told once for half a window.
    pub fn taken(&mut self, bytes: u32) -> Option<u32> {
        self.owed += bytes;
        if self.owed < self.size / 2 {
            return None;
        }
        self.left += self.owed;
        Some(std::mem::take(&mut self.owed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_may_shrink_below_nothing_and_grows_up_to_a_limit() {
        let mut window = Outflow::new(100);
        window.sent(60);
        assert_eq!(window.change(-90), Ok(()));
        assert_eq!(window.room(), 0);
        assert_eq!(window.change(51), Ok(()));
        assert_eq!(window.room(), 1);
        assert_eq!(window.change(MOST), Err(TooLarge));
        assert_eq!(window.change(MOST - 1), Ok(()));
        assert_eq!(Outflow::new(u32::MAX).room(), 0x7fff_ffff);
    }

    #[test]
    fn room_is_told_of_in_halves_and_never_more_than_was_taken() {
        let mut window = Inflow::new(100);
        assert_eq!(window.came(100), Ok(()));
        assert_eq!(window.came(1), Err(Overrun));
        assert_eq!((window.taken(49), window.taken(2), window.taken(1)), (None, Some(51), None));
        assert_eq!((window.came(51), window.came(1)), (Ok(()), Err(Overrun)));
    }
}
