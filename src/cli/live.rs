//! The terminal while `load` runs: drawn on standard error, on a screen of its own, which is given back whatever
//! happens. `q` and Ctrl-C end the run properly.

use super::outlet::Stream;
use crate::record::Snapshot;
use crate::report::load::{Live, Title};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use std::io::{self, IsTerminal, Stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often it is drawn, and keys are looked for.
const EVERY: Duration = Duration::from_millis(250);

/// Whether the view has what it needs: a terminal to draw on, and one to read keys from, which is ours.
pub(super) fn is_possible() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    Stream::Err.is_terminal() && io::stdin().is_terminal() && !dumb && is_in_front()
}

/// Whether the shell has us in front: a job behind it that took the terminal would be stopped.
#[cfg(unix)]
fn is_in_front() -> bool {
    let front = rustix::termios::tcgetpgrp(io::stdin());
    front.is_ok_and(|front| front == rustix::process::getpgrp())
}

/// There are no jobs.
#[cfg(not(unix))]
fn is_in_front() -> bool {
    true
}

/// The terminal, taken until this is dropped.
struct Screen {
    terminal: Terminal<CrosstermBackend<Stderr>>,
}

impl Screen {
    fn take() -> io::Result<Screen> {
        enable_raw_mode()?;
        // From here on whatever fails gives it back.
        let taken = Given;
        execute!(io::stderr(), EnterAlternateScreen, Hide)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stderr()))?;
        std::mem::forget(taken);
        Ok(Screen { terminal })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back when dropped.
struct Given;

impl Drop for Given {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    // A terminal that is gone needs nothing back.
    let _ = execute!(io::stderr(), Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}

/// A view that is shown.
pub(super) struct View {
    drawing: tokio::task::JoinHandle<()>,
    over: Arc<AtomicBool>,
    keys: Option<std::thread::JoinHandle<()>>,
}

impl View {
    /// Takes the terminal, and shows the run that the snapshots are of. A key that ends the run cancels `stop`.
    ///
    /// # Errors
    /// The terminal can't be taken; it is as it was.
    pub(super) fn show(
        title: Title,
        colour: bool,
        mut snapshots: watch::Receiver<Snapshot>,
        stop: CancellationToken,
    ) -> io::Result<View> {
        // A panic is told on the terminal that people know.
        let before = std::panic::take_hook();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        std::panic::set_hook(Box::new(move |panic| {
            if !ended.swap(true, Ordering::SeqCst) {
                give_back();
            }
            before(panic);
        }));
        let mut screen = Screen::take()?;
        let ended = Arc::clone(&over);
        let asked = stop.clone();
        let keys = std::thread::spawn(move || read_keys(&ended, &asked));
        let ended = Arc::clone(&over);
        let drawing = tokio::spawn(async move {
            let mut live = Live::new(title, colour);
            let mut ticks = tokio::time::interval(EVERY);
            while !ended.load(Ordering::SeqCst) {
                tokio::select! {
                    _ = ticks.tick() => {
                        if stop.is_cancelled() {
                            live.ends();
                        }
                        // Where it can't be drawn any more, the run goes on.
                        let drawn = screen.terminal.draw(|frame| live.draw(frame));
                        if drawn.is_err() {
                            return;
                        }
                    }
                    changed = snapshots.changed() => match changed {
                        Ok(()) => live.saw(*snapshots.borrow_and_update()),
                        Err(_) => return,
                    },
                }
            }
        });
        Ok(View {
            drawing,
            over,
            keys: Some(keys),
        })
    }

    /// Gives the terminal back.
    pub(super) async fn end(mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.drawing.abort();
        let _ = (&mut self.drawing).await; // ended by us
        if let Some(keys) = self.keys.take() {
            let _ = tokio::task::spawn_blocking(move || keys.join()).await; // it looks up soon
        }
        let _ = std::panic::take_hook();
    }
}

/// Reads keys until the run is over.
fn read_keys(over: &AtomicBool, stop: &CancellationToken) {
    while !over.load(Ordering::SeqCst) {
        match event::poll(EVERY / 5) {
            Ok(false) => {}
            Ok(true) => match event::read() {
                Ok(Event::Key(key)) if ends(&key) => stop.cancel(),
                Ok(_) => {}
                Err(_) => return,
            },
            Err(_) => return, // without keys there is still SIGINT from elsewhere
        }
    }
}

fn ends(key: &KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press
        && match key.code {
            KeyCode::Char('q') => true,
            KeyCode::Char('c') => control,
            _ => false,
        }
}
