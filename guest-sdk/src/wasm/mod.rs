//! The component: its exports, and the state behind them.

/// What wit-bindgen makes of `wit/handler.wit`.
///
/// `unsafe` is what the canonical ABI needs: reading and writing arguments in
/// linear memory, and imported functions. All of it is generated.
#[allow(unsafe_code, missing_docs, unreachable_pub, unused_qualifications)]
#[allow(clippy::all, clippy::undocumented_unsafe_blocks)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "plugin",
        pub_export_macro: true,
        export_macro_name: "export",
        runtime_path: "::wshost_sdk::__private::wit_bindgen::rt",
    });
}

#[cfg(feature = "zeroing-allocator")]
mod alloc;
mod convert;
pub(crate) mod host;

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;

use bindings::exports::wshost::handler::handler as exports;
use bindings::wshost::handler::types as wit;

use crate::{Accept, Handler, Reply, logging};

thread_local! {
    /// The one connection that this instance serves; none before `init`.
    static STATE: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

fn keep<H: Handler>(accept: Accept<H>) -> (wit::Options, Option<String>, wit::Fields) {
    STATE.set(Some(Box::new(accept.state)));
    (accept.options.into(), accept.subprotocol, accept.headers)
}

fn with<H: Handler, R>(callback: impl FnOnce(&mut H) -> R) -> R {
    STATE.with_borrow_mut(|state| {
        let state = state.as_mut().and_then(|state| state.downcast_mut::<H>());
        callback(state.expect("the host calls init or restore first"))
    })
}

/// The component's exports for a handler; its type is all it is used for.
pub struct Component<H>(PhantomData<H>);

impl<H: Handler> exports::Guest for Component<H> {
    fn init(request: wit::Request) -> wit::Answer {
        logging::install();
        match H::init(request.into()) {
            Ok(accept) => {
                let (options, subprotocol, headers) = keep(accept);
                wit::Answer::Accept(wit::Accept { subprotocol, headers, options })
            }
            Err(response) => response.into(),
        }
    }

    fn opened() -> wit::Outcome {
        with(|handler: &mut H| handler.opened().into_outcome().into())
    }

    fn frames(frames: Vec<wit::Frame>) -> wit::Outcome {
        let frames = frames.into_iter().map(Into::into).collect();
        with(|handler: &mut H| handler.frames(frames).into_outcome().into())
    }

    fn info(message: wit::Message) -> wit::Outcome {
        with(|handler: &mut H| handler.info(message.into()).into_outcome().into())
    }

    fn terminate(reason: wit::Reason) {
        with(|handler: &mut H| handler.terminate(reason.into()));
    }

    fn save() -> Option<Vec<u8>> {
        with(|handler: &mut H| handler.save())
    }

    fn restore(
        request: wit::Request,
        state: Vec<u8>,
        from_version: String,
    ) -> Result<wit::Options, String> {
        logging::install();
        let accept = H::restore(request.into(), state, from_version)?;
        Ok(keep(accept).0)
    }
}
