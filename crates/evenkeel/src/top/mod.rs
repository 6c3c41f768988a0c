//! `evenkeel top`: a live view in the terminal, and orders behind a question. It asks the admin API as the other commands
//! do; what it makes of the answers and of keys is in [`model`], how that looks in [`draw`], and neither does I/O.

mod answer;
mod ask;
mod dialog;
mod draw;
#[cfg(test)]
mod example;
mod grid;
mod keys;
mod model;
mod rates;
mod screen;
mod style;
mod value;
mod view;
mod watch;

use crate::error::{Exit, RunError};
use crate::remote::{Whom, pinned};
use crate::signals::{Signal, Signals};
use crate::{cli, output};
use ask::{Answer, Ask, Request};
use keys::Effect;
use model::{Model, Options};
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use screen::Screen;
use std::ops::ControlFlow;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Keys and answers that wait to be handled, at most.
const INPUTS_MAX: usize = 64;

/// Something happened.
enum Input {
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    Answer(Answer),
    /// There will be no more keys, for this reason.
    Gone(String),
}

/// Shows it until told to leave.
pub fn run(whom: Whom, interval: Duration) -> Result<(), RunError> {
    Screen::check()?;
    let whom = pinned(whom)?;
    // What is wrong from the start is told as every command does, and ends it.
    let seen = ask::look(&whom, Ask::default())?;
    let has_colours = output::wants_color(cli::color(), true);
    let options = Options { interval, has_colours, glyphs: screen::glyphs() };
    let mut model = Model::new(options, seen, Instant::now());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| RunError::new(Exit::Failed, format!("no runtime: {error}")))?;
    runtime.block_on(watch(&mut model, whom))
}

/// The loop: draw, wait for something to happen, let the model make of it what it will.
async fn watch(model: &mut Model, whom: Whom) -> Result<(), RunError> {
    let failed = |error: std::io::Error| RunError::new(Exit::Failed, error.to_string());
    let mut signals = Signals::take().map_err(failed)?;
    let mut screen = Screen::take()?;
    let (sender, mut inputs) = mpsc::channel(INPUTS_MAX);
    let asker = start_asker(whom, sender.clone()).map_err(failed)?;
    start_keys(sender).map_err(failed)?;
    loop {
        screen.draw(|buffer| draw::draw(model, buffer))?;
        let input = tokio::select! {
            input = inputs.recv() => input,
            signal = signals.next() => match signal {
                Signal::Usr1 | Signal::Usr2 => None,
                Signal::Hup | Signal::Int | Signal::Quit | Signal::Term => return Ok(()),
            },
            () = tokio::time::sleep_until(model.due().into()) => None,
        };
        model.handle_time(Instant::now());
        if let Some(input) = input
            && handle(model, &mut screen, &asker, input)?.is_break()
        {
            return Ok(());
        }
        if let Some(ask) = model.poll_ask() {
            tell(&asker, Request::Look(ask))?;
        }
    }
}

fn handle(
    model: &mut Model,
    screen: &mut Screen,
    asker: &blocking::Sender<Request>,
    input: Input,
) -> Result<ControlFlow<()>, RunError> {
    match input {
        Input::Answer(answer) => model.handle_answer(answer),
        Input::Resized => {}
        Input::Gone(why) => return Err(RunError::new(Exit::Failed, format!("no keys can be read: {why}"))),
        Input::Key(key) => match model.handle_key(key) {
            Some(Effect::Quit) => return Ok(ControlFlow::Break(())),
            Some(Effect::Repaint) => screen.clear()?,
            Some(Effect::Suspend) => screen.suspend()?,
            Some(Effect::Do(wanted)) => tell(asker, Request::Do(wanted))?,
            None => {}
        },
    }
    Ok(ControlFlow::Continue(()))
}

fn tell(asker: &blocking::Sender<Request>, request: Request) -> Result<(), RunError> {
    // It only ends when it has panicked, and then the panic was told.
    asker.send(request).map_err(|_| RunError::new(Exit::Failed, "nobody is left to ask"))
}

/// Answers requests, one after the other, until nobody wants to know.
fn start_asker(whom: Whom, to: mpsc::Sender<Input>) -> std::io::Result<blocking::Sender<Request>> {
    let (asker, requests) = blocking::channel();
    let work = move || {
        for request in requests {
            if to.blocking_send(Input::Answer(ask::answer(&whom, request))).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("asker".to_owned()).spawn(work)?;
    Ok(asker)
}

/// Reads keys until there are no more, or nobody wants to know.
fn start_keys(to: mpsc::Sender<Input>) -> std::io::Result<()> {
    let work = move || {
        loop {
            let input = match event::read() {
                Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => Input::Key(key),
                Ok(Event::Resize(..)) => Input::Resized,
                Ok(_) => continue,
                Err(error) => Input::Gone(error.to_string()),
            };
            let is_last = matches!(input, Input::Gone(_));
            if to.blocking_send(input).is_err() || is_last {
                return;
            }
        }
    };
    thread::Builder::new().name("keys".to_owned()).spawn(work).map(drop)
}
