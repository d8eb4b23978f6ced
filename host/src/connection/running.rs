//! A connection's task.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, Next, Parts, event::Event};
use crate::background::{self, Work};

/// Serves a connection to its end. Made by hand, so that while nothing happens
/// it is a pointer, and has no room for what handling an event takes.
pub struct Running<S>(State<S>);

/// Two words: with them a task is 128 bytes, and the next larger one has 256.
enum State<S> {
    /// None: it has ended.
    Resting(Option<Box<Connection<S>>>),
    /// An event is handled: in the background, if that takes long.
    Handling(Work<Next<S>>),
}

const _: () = assert!(size_of::<State<tokio::net::TcpStream>>() == 2 * size_of::<usize>());

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Running<S> {
    /// Begins to serve a connection, which is known to others from now on.
    #[must_use]
    pub fn new(parts: Parts<S>) -> Self {
        let connection = Box::new(Connection::new(parts));
        Self(State::handling(connection, Event::Opened))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> State<S> {
    fn handling(connection: Box<Connection<S>>, event: Event) -> Self {
        Self::Handling(Box::pin(connection.happen(event)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Future for Running<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.0 = match &mut self.0 {
                State::Resting(connection) => {
                    let Some(resting) = connection else { return Poll::Ready(()) };
                    let mut event = ready!(resting.poll_event(cx));
                    if let Event::Rest = event {
                        // Mostly it needs no future.
                        match resting.rest_at_once() {
                            Some(Ok(())) => continue,
                            Some(Err(ending)) => event = Event::End(ending),
                            None => {}
                        }
                    }
                    let Some(connection) = connection.take() else { return Poll::Ready(()) };
                    State::handling(connection, event)
                }
                State::Handling(handling) => match ready!(background::poll(handling, cx)) {
                    Next::Ended => State::Resting(None),
                    Next::Moved(connection) => State::Resting(Some(connection)),
                    Next::Rests(connection) => {
                        self.0 = State::Resting(Some(connection));
                        return Poll::Pending;
                    }
                },
            };
        }
    }
}
