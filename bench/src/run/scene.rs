//! A scenario and all who are in it. Where the work is traffic, all of them stand at once and the load goes from one to
//! the next in short slices, so that what disturbs the machine for a while disturbs all of them alike. What is measured
//! on a fresh process has one for each measurement.

use super::interrupt;
use super::results::Cell;
use super::rival::Rival;
use super::scenario::Scenario;
use super::stage::{Stage, Theatre};
use crate::figures::Figures;
use anyhow::Result;

/// Whoever fails so often is no longer in it. Until then it is started anew for the next round.
const FAULTS: u32 = 3;

/// One scenario, from the first round to the last.
pub struct Scene<'a> {
    theatre: &'a Theatre,
    scenario: &'a Scenario,
    seats: Vec<Seat<'a>>,
}

/// One of those who are in it.
struct Seat<'a> {
    rival: &'a Rival,
    /// Where it stands, or why it does not; none until it is its turn to be started.
    stage: Option<Result<Stage<'a>>>,
    faults: u32,
}

impl<'a> Scene<'a> {
    /// With those of `rivals` who take part in it.
    pub fn new(theatre: &'a Theatre, scenario: &'a Scenario, rivals: &'a [Rival]) -> Self {
        let in_it = rivals.iter().filter(|rival| rival.is_in(scenario));
        let seats = in_it.map(|rival| Seat { rival, stage: None, faults: 0 }).collect();
        Self { theatre, scenario, seats }
    }

    /// Everybody's turn, another one's first in each round. Fails when the run is interrupted.
    pub fn play(&mut self, round: u32, mut tell: impl FnMut(Cell)) -> Result<()> {
        let Self { theatre, scenario, seats } = self;
        seats.retain(|seat| seat.faults < FAULTS);
        if scenario.key.is_traffic() {
            // Before anybody is measured: a start takes time from the others.
            for seat in seats.iter_mut() {
                seat.stand(theatre, scenario);
            }
        }
        for turn in 0..seats.len() {
            interrupt::check()?;
            let count = seats.len();
            let seat = &mut seats[(round as usize + turn) % count];
            let outcome = seat.take_turn(theatre, scenario).map_err(|error| format!("{error:#}"));
            seat.faults += u32::from(outcome.is_err());
            let (scenario, rival) = (scenario.name.clone(), seat.rival.name.clone());
            tell(Cell { scenario, rival, round, outcome });
        }
        Ok(())
    }
}

impl<'a> Seat<'a> {
    /// Stands from now on, if it did not before.
    fn stand(&mut self, theatre: &'a Theatre, scenario: &Scenario) {
        self.stage.get_or_insert_with(|| theatre.set(scenario.setup, self.rival));
    }

    /// Measures it. It stands no longer when that fails, or when the next time needs a fresh one.
    fn take_turn(&mut self, theatre: &'a Theatre, scenario: &Scenario) -> Result<Figures> {
        let mut stage = match self.stage.take() {
            Some(stage) => stage?,
            None => theatre.set(scenario.setup, self.rival)?,
        };
        let figures = stage.measure(scenario)?;
        if scenario.key.is_traffic() {
            self.stage = Some(Ok(stage));
        }
        Ok(figures)
    }
}
