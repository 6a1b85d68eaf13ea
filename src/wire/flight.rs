//! An exchange that is watched on its way: streams, disconnects, answers that must not come yet.

use std::fmt;

use super::client::ClientDrive;
use super::connection::Connection;
use super::drive::Drive;
use super::{End, Exchange, Head};
use crate::time::Deadline;

/// An exchange under way. It reads only while one of its methods is awaited: a flight that is kept and not read is a
/// client that doesn't read. Dropping it closes the connection (HTTP/2: resets the stream).
pub struct Flight {
    state: State,
    /// When it has to be over.
    deadline: Deadline,
}

enum State {
    Raw(Box<Connection>, Box<Drive>),
    Client(Box<ClientDrive>),
    /// There never was a connection.
    Over(Box<Exchange>),
}

/// What has come of an answer so far.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The final head.
    pub head: Option<&'a Head>,
    /// The body, codings taken off.
    pub body: &'a [u8],
    /// Whether nothing more can come.
    pub ended: bool,
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight")
            .field("progress", &self.progress().head.map(|head| head.status))
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Flight {
    pub(super) async fn on_connection(
        connection: Connection,
        drive: Drive,
        deadline: Deadline,
    ) -> Flight {
        let mut connection = Box::new(connection);
        let mut drive = Box::new(drive);
        while !drive.is_over() && !drive.is_sent() {
            if !drive.step(connection.socket(), deadline).await {
                drive.end(End::TimedOut);
            }
        }
        Flight {
            state: State::Raw(connection, drive),
            deadline,
        }
    }

    pub(super) fn on_client(drive: ClientDrive, deadline: Deadline) -> Flight {
        Flight {
            state: State::Client(Box::new(drive)),
            deadline,
        }
    }

    pub(super) fn over(exchange: Exchange, deadline: Deadline) -> Flight {
        Flight {
            state: State::Over(Box::new(exchange)),
            deadline,
        }
    }

    /// What has come so far.
    pub fn progress(&self) -> Progress<'_> {
        match &self.state {
            State::Raw(_, drive) => Progress {
                head: drive.answer.head.as_ref(),
                body: &drive.answer.body.bytes,
                ended: drive.is_over(),
            },
            State::Client(drive) => drive.progress(),
            State::Over(exchange) => Progress {
                head: exchange.head.as_ref(),
                body: &exchange.body.bytes,
                ended: true,
            },
        }
    }

    /// Reads until `done` says so, which is asked before the first read and after each. `false` where the answer
    /// ended without it or the deadline came; after this deadline the flight can go on, after its own it is over.
    pub async fn read_until(
        &mut self,
        mut done: impl FnMut(&Progress<'_>) -> bool,
        deadline: Deadline,
    ) -> bool {
        loop {
            let progress = self.progress();
            if done(&progress) {
                return true;
            }
            if progress.ended {
                return false;
            }
            if !self.step(deadline).await {
                return false;
            }
        }
    }

    /// Reads to the answer's end. The connection comes back where the answer is whole and the connection was not
    /// ended with it; whether it can carry another request is [`Exchange::reusable`]. The ordinary client keeps its
    /// own connections.
    pub async fn finish(mut self, deadline: Deadline) -> (Exchange, Option<Connection>) {
        while !self.progress().ended {
            if !self.step(deadline).await {
                self.end(End::TimedOut);
            }
        }
        match self.state {
            State::Raw(mut connection, drive) => {
                let exchange = drive.conclude(connection.socket());
                let open = exchange.end == End::Complete && !connection.has_ended();
                (exchange, open.then_some(*connection))
            }
            State::Client(drive) => (drive.conclude(), None),
            State::Over(exchange) => (*exchange, None),
        }
    }

    /// Closes the connection at once. The exchange is [`End::Abandoned`] unless it had ended before.
    pub fn abandon(mut self) -> Exchange {
        self.end(End::Abandoned);
        match self.state {
            State::Raw(mut connection, drive) => drive.conclude(connection.socket()),
            State::Client(drive) => drive.conclude(),
            State::Over(exchange) => *exchange,
        }
    }

    /// Goes on a little. `false` where the deadline given came first.
    async fn step(&mut self, deadline: Deadline) -> bool {
        let first = deadline.min(self.deadline);
        let moved = match &mut self.state {
            State::Raw(connection, drive) => drive.step(connection.socket(), first).await,
            State::Client(drive) => drive.step(first).await,
            State::Over(_) => true,
        };
        if !moved && self.deadline.passed() {
            self.end(End::TimedOut);
        }
        moved
    }

    fn end(&mut self, end: End) {
        match &mut self.state {
            State::Raw(_, drive) => drive.end(end),
            State::Client(drive) => drive.end(end),
            State::Over(_) => {}
        }
    }
}
