//! The trait that a handler implements.

use crate::reply::Either;
use crate::{Accept, Callbacks, Frame, Message, Outcome, Reason, Reply, Request, Response};

/// The handler of a WebSocket connection; `Self` is the connection's state.
///
/// The host calls [`init`](Self::init), then [`opened`](Self::opened), then
/// [`frames`](Self::frames) and [`info`](Self::info) as events arrive, one
/// callback at a time, and at the end [`terminate`](Self::terminate). Only
/// `init` must be written.
///
/// A callback that panics ends its connection, and no other, with 1011.
///
/// What a callback returns is anything that implements [`Reply`]; name the
/// type where you like (`-> String`), [`#[handler]`](macro@crate::handler)
/// allows it.
pub trait Handler: Sized + 'static {
    /// The callbacks that do something; for another one nobody is woken.
    /// [`#[handler]`](macro@crate::handler) sets this to those that are written.
    const CALLBACKS: Callbacks = Callbacks::ALL;

    /// Whether pings and pongs are shown to [`frames`](Self::frames).
    /// [`#[handler]`](macro@crate::handler) sets this where `frame` or `frames` is written.
    const CONTROL_FRAMES: bool = true;

    /// Called first, with the HTTP request: accept the WebSocket, or answer
    /// with an HTTP response instead.
    ///
    /// Called also for a request that asks for no WebSocket (see
    /// [`Request::upgrade`]); accepting such a one makes the host answer 426
    /// (501 over HTTP/2). There is no connection yet, so that timers,
    /// subscriptions and sends fail with [`Error::NotOpen`](crate::Error::NotOpen):
    /// they belong in [`opened`](Self::opened).
    ///
    /// # Errors
    ///
    /// The response to send in place of a WebSocket. This is no fault: a page
    /// or a health check is answered in this way too.
    fn init(request: Request) -> Result<Accept<Self>, Response>;

    /// Called once when the WebSocket is open, before the first frame is given.
    fn opened(&mut self) -> impl Reply {}

    /// Called with the frames at hand, in order: one, unless several had
    /// arrived at once, and never none.
    ///
    /// Unless you write it, each is given to [`frame`](Self::frame), up to the
    /// first that closes the connection. The answers go out together, and the
    /// last one says whether to hibernate.
    fn frames(&mut self, frames: Vec<Frame>) -> impl Reply {
        let mut outcome = Outcome::new();
        for frame in frames {
            outcome = outcome.then(self.frame(frame));
            if outcome.is_closing() {
                break;
            }
        }
        outcome
    }

    /// Called with each frame.
    ///
    /// Unless you write it, text is given to [`text`](Self::text) and bytes to
    /// [`binary`](Self::binary), and pings and pongs are left to the host. The
    /// host answers pings in any case; here they are for information.
    fn frame(&mut self, frame: Frame) -> impl Reply {
        match frame {
            Frame::Text(text) => Some(Either::Left(self.text(text))),
            Frame::Binary(data) => Some(Either::Right(self.binary(data))),
            Frame::Ping(_) | Frame::Pong(_) => None,
        }
    }

    /// Called with each text message.
    fn text(&mut self, text: String) -> impl Reply {
        let _ = text;
    }

    /// Called with each binary message.
    fn binary(&mut self, data: Vec<u8>) -> impl Reply {
        let _ = data;
    }

    /// Called with one event of another kind: a timer that fired, a message
    /// from another connection or a topic.
    fn info(&mut self, message: Message) -> impl Reply {
        let _ = message;
    }

    /// Called last, exactly once whatever happened, save where this handler
    /// itself panicked or overran a limit.
    ///
    /// Nothing reaches the peer any more. Other connections can still be told,
    /// by [`topics`](crate::topics) and [`connections`](crate::connections).
    fn terminate(&mut self, reason: Reason) {
        let _ = reason;
    }

    /// Gives the state to another version of this plugin, in a form that its
    /// [`restore`](Self::restore) understands. Unless you write it, there is
    /// none: the connection stays with this version.
    fn save(&self) -> Option<Vec<u8>> {
        None
    }

    /// Called in place of `init` and `opened`, in a new version of the plugin,
    /// with the request that opened the connection and what
    /// [`save`](Self::save) gave in `from_version` (the plugin's name and digest).
    ///
    /// Id, timers, subscriptions, subprotocol and compression carry over: of
    /// what is returned only the state, the callbacks, the timeouts and the
    /// sizes count.
    ///
    /// # Errors
    ///
    /// Why the state can't be used: the connection goes on with the old
    /// version. A panic has the same effect. Unless you write `restore`, it
    /// refuses.
    fn restore(
        request: Request,
        state: Vec<u8>,
        from_version: String,
    ) -> Result<Accept<Self>, String> {
        let _ = (request, state, from_version);
        Err("this version takes over no state".to_owned())
    }
}
