//! A connection's task.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, Parts, event::Event};

/// Serves a connection to its end. Made by hand, so that while nothing happens
/// it is a pointer, and has no room for what handling an event takes.
pub struct Running<S>(State<S>);

enum State<S> {
    Resting(Box<Connection<S>>),
    /// Ends with the connection, if that goes on.
    Handling(Pin<Box<dyn Future<Output = Option<Box<Connection<S>>>> + Send>>),
    Ended,
}

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
                    let event = ready!(connection.poll_event(cx));
                    match std::mem::replace(&mut self.0, State::Ended) {
                        State::Resting(connection) => State::handling(connection, event),
                        other => other,
                    }
                }
                State::Handling(handling) => match ready!(handling.as_mut().poll(cx)) {
                    Some(connection) => State::Resting(connection),
                    None => State::Ended,
                },
                State::Ended => return Poll::Ready(()),
            };
        }
    }
}
