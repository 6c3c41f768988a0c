//! What stands on the screen, at the sizes that people have and at those that nobody has.

use super::super::answer::Status;
use super::super::ask::Answer;
use super::super::example::{Watcher, seen, sessions, status};
use super::super::style::Glyphs;
use super::super::watch::Seen;
use super::draw;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Rect;

fn buffer(watcher: &Watcher, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(&watcher.model, frame.buffer_mut())).unwrap();
    terminal.backend().buffer().clone()
}

/// The lines, without blanks at their ends.
fn screen(watcher: &Watcher, width: u16, height: u16) -> Vec<String> {
    let buffer = buffer(watcher, width, height);
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

/// Compares with the screen of this name; EVENKEEL_BLESS=1 writes it anew.
fn compare(shown: &[String], name: &str) {
    let path = format!("{}/src/top/draw/screens/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let shown = shown.join("\n").trim_end().to_owned() + "\n";
    if std::env::var_os("EVENKEEL_BLESS").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(
        shown == expected,
        "{name}: EVENKEEL_BLESS=1 accepts this:\n{shown}\ninstead of this:\n{expected}"
    );
}

#[test]
fn eighty_by_twentyfour_shows_all_that_matters() {
    compare(&screen(&Watcher::start(), 80, 24), "80x24");
}

#[test]
fn a_wide_terminal_has_more_columns() {
    compare(&screen(&Watcher::start(), 120, 40), "120x40");
}

#[test]
fn services_that_balance_requests_tell_of_those() {
    let mut watcher = Watcher::start();
    for seconds in [1, 2] {
        let mut status = status(seconds);
        status["services"][0]["requests"] = serde_json::json!({"total": 2400 * seconds, "answers": {"2xx": 2397 * seconds, "5xx": 3 * seconds}});
        for (index, errors) in [0, 3].into_iter().enumerate() {
            status["pools"][0]["backends"][index]["requests"] =
                serde_json::json!({"sent": 1200 * seconds, "errors": errors * seconds});
        }
        watcher.pass(u32::try_from(seconds).unwrap());
        let status = Status::read(&status).unwrap();
        watcher.answer(Answer::Seen(Box::new(Seen { status, ..Seen::default() })));
    }
    compare(&screen(&watcher, 120, 40)[1..10], "requests");
    compare(&screen(&watcher, 80, 24)[1..10], "requests-80");
}

#[test]
fn a_small_one_has_fewer_columns_and_one_table_at_a_time() {
    let mut watcher = Watcher::start();
    compare(&screen(&watcher, 40, 10), "40x10");
    watcher.press(KeyCode::Tab);
    compare(&screen(&watcher, 40, 10), "40x10-backends");
}

#[test]
fn a_tiny_one_says_that_it_is_too_small() {
    let shown = screen(&Watcher::start(), 28, 5);
    assert_eq!(shown[..2], ["evenkeel top needs more room", "30x6 at least; q leaves"]);
}

#[test]
fn no_size_and_no_page_is_too_strange_to_draw() {
    let mut watcher = Watcher::start();
    let pages: [&[KeyCode]; 6] = [
        &[],
        &[KeyCode::Char('d')],
        &[KeyCode::Char('n'), KeyCode::Char('?')],
        &[KeyCode::Esc, KeyCode::Tab, KeyCode::End, KeyCode::Char('s'), KeyCode::Char('w')],
        &[KeyCode::Esc, KeyCode::Enter],
        &[KeyCode::Char('/'), KeyCode::Char('x'), KeyCode::Enter],
    ];
    for keys in pages {
        keys.iter().for_each(|key| drop(watcher.press(*key)));
        for (width, height) in
            (0..50).flat_map(|it| [(it, it), (it, 200 - it), (200 - it, it), (80, it), (it, 24)])
        {
            draw(&watcher.model, &mut Buffer::empty(Rect::new(0, 0, width, height)));
        }
    }
}

#[test]
fn numbers_beyond_measure_and_answers_without_any_are_drawn() {
    let mut watcher = Watcher::start();
    let text = status(1).to_string();
    let largest = text.replace(":1,", ":18446744073709551615,").replace(",1]", ",18446744073709551615]");
    assert_ne!(text, largest);
    let least = r#"{"version": "", "services": [{}, {}], "pools": [{"backends": [{}, {"connect_ms": {"buckets": [7]}}]}]}"#;
    for text in [&largest, least, &largest] {
        let status = Status::read(&serde_json::from_str(text).unwrap()).unwrap();
        watcher.answer(Answer::Seen(Box::new(Seen { status, ..Seen::default() })));
        for (width, height) in [(40, 10), (80, 24), (200, 60)] {
            screen(&watcher, width, height);
        }
    }
}

#[test]
fn the_sessions_of_a_backend_are_shown_with_age_and_bytes() {
    let mut watcher = Watcher::start();
    watcher.press(KeyCode::Enter);
    assert_eq!(
        screen(&watcher, 90, 24)[3],
        "SERVICE web sends to pool web: 3 backends, 2 take traffic, 2 sessions wait for a seat"
    );
    watcher.press(KeyCode::Enter);
    assert_eq!(screen(&watcher, 80, 24)[5], "asking");
    let mut seen = seen(2);
    seen.sessions = Some((("web".to_owned(), "10.0.0.1:80".to_owned()), sessions()));
    watcher.answer(Answer::Seen(Box::new(seen)));
    compare(&screen(&watcher, 80, 24)[3..7], "sessions");
}

#[test]
fn an_order_says_what_it_will_do_before_it_does() {
    let mut watcher = Watcher::start();
    watcher.press(KeyCode::Tab);
    watcher.type_in("d");
    compare(&screen(&watcher, 80, 24)[8..15], "drain");
    let small = screen(&watcher, 30, 6).join("\n");
    assert!(small.contains("Drain 10.0.0.1:80 in pool") && small.contains("y: do it"), "{small}");
}

#[test]
fn a_silent_evenkeel_is_told_of_at_every_size() {
    let mut watcher = Watcher::start();
    watcher.pass(3);
    watcher.answer(Answer::Failed("no evenkeel can be asked".to_owned()));
    watcher.pass(7);
    for (width, height) in [(30, 6), (40, 10), (80, 24), (120, 40)] {
        let shown = screen(&watcher, width, height);
        assert!(shown[0].ends_with("NO ANSWER FOR 6 s"), "{}", shown[0]);
    }
    let foot = screen(&watcher, 80, 24)[23].clone();
    assert_eq!(foot, "trying again: no evenkeel can be asked");
}

#[test]
fn what_is_written_by_others_cannot_reach_the_terminal() {
    let mut watcher = Watcher::start();
    watcher.model.watch.events[0].text = "a\x1b]0;title\x07\r\nb\u{202e}漢字".to_owned();
    watcher.model.watch.status.services[0].name = "\x1b[2J".to_owned();
    let buffer = buffer(&watcher, 80, 24);
    assert!(buffer.content.iter().all(|cell| !cell.symbol().contains(char::is_control)));
}

#[test]
fn without_utf8_there_is_nothing_but_ascii() {
    let mut watcher = Watcher::start();
    watcher.model.options.glyphs = Glyphs::ASCII;
    watcher.type_in("?");
    for (width, height) in [(40, 10), (80, 24), (120, 40)] {
        assert!(screen(&watcher, width, height).iter().all(|line| line.is_ascii()));
    }
}

#[test]
fn colours_are_drawn_only_if_they_are_wanted() {
    let mut watcher = Watcher::start();
    let has_colour = |watcher: &Watcher| {
        let buffer = buffer(watcher, 120, 40);
        buffer.content.iter().any(|cell| cell.fg != ratatui::style::Color::Reset)
    };
    assert!(!has_colour(&watcher));
    watcher.model.options.has_colours = true;
    assert!(has_colour(&watcher));
}
