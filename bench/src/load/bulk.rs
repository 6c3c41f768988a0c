//! Bulk transfers.

use super::{Ports, Tally, Traffic};
use crate::pump::{Pumps, Task};
use crate::wish::Wish;
use anyhow::{Result, ensure};
use std::io::{Read, Write};
use std::time::Duration;

/// Connections that transfer without end.
pub struct Bulk {
    pumps: Pumps,
    connections: usize,
    /// The backend to ask what it has received; `None` when the client receives everything.
    backend: Option<Ports>,
}

impl Bulk {
    /// Opens `connections`, all with the same wish; `backend` is the port of a backend.
    pub fn open(connections: usize, wish: Wish, ports: &mut Ports, backend: u16) -> Result<Self> {
        let task = match wish {
            Wish::Up => Task::Send,
            Wish::Both => Task::Both,
            Wish::Down | Wish::Exchange { .. } | Wish::Total => Task::Receive,
        };
        let mut pumps = Pumps::new()?;
        for _ in 0..connections {
            let mut stream = ports.open()?;
            stream.write_all(&wish.encode())?;
            stream.set_nonblocking(true)?;
            pumps.add(stream.into(), task)?;
        }
        let backend = (task != Task::Receive).then(|| Ports::new(vec![backend]));
        Ok(Self { pumps, connections, backend })
    }
}

impl Traffic for Bulk {
    fn turn(&mut self, timeout: Duration, tally: &mut Tally) -> Result<()> {
        tally.bytes += self.pumps.turn(timeout)?;
        ensure!(self.pumps.len() == self.connections, "a transfer broke off");
        Ok(())
    }

    fn bytes_elsewhere(&self) -> Result<u64> {
        let Some(mut backend) = self.backend.clone() else { return Ok(0) };
        let mut stream = backend.open()?;
        stream.write_all(&Wish::Total.encode())?;
        let mut total = [0; 8];
        stream.read_exact(&mut total)?;
        Ok(u64::from_le_bytes(total))
    }
}
