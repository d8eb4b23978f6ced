//! The handler's callbacks and the accessor's functions: their types, checked once for a
//! component.
//!
//! The only `unsafe` of the sandbox is here: what was checked for a component
//! isn't checked again at each call, which would take a fifth of one.
#![allow(unsafe_code)]

use std::marker::PhantomData;

use wasmtime::{
    AsContextMut, Result,
    component::{
        Component, ComponentExportIndex, ComponentNamedList, Func, Instance, Lift, Lower, TypedFunc,
    },
};

use super::bindings::wshost::handler::types::{
    Answer, FrameParam, Message, Options, Outcome, Reason, Request,
};

/// A function that a handler exports.
pub(super) trait Callback {
    /// Its name.
    const NAME: &'static str;
    /// What it takes.
    type Params<'a>: ComponentNamedList + Lower + Send + Sync;
    /// What it returns.
    type Results: ComponentNamedList + Lift + Send + Sync + 'static;
}

macro_rules! callback {
    ($field:ident $callback:ident($($param:ty),*) -> $results:ty) => {
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $callback;

        impl Callback for $callback {
            const NAME: &'static str = stringify!($field);
            type Params<'a> = ($($param,)*);
            type Results = $results;
        }
    };
}

macro_rules! callbacks {
    ($($field:ident $callback:ident($($param:ty),*) -> $results:ty;)*) => {
        $(callback! { $field $callback($($param),*) -> $results })*

        /// All of them, of one component.
        #[derive(Debug)]
        pub(super) struct Callbacks {
            $(pub(super) $field: Checked<$callback>,)*
        }

        impl Callbacks {
            /// Finds them in an instance that a component exports, and checks their types
            /// by an instance of the component.
            ///
            /// # Errors
            /// The first that is not there or of another type, by name, with the
            /// difference.
            pub(super) fn check(
                of: &str,
                component: &Component,
                instance: &Instance,
                mut store: impl AsContextMut,
            ) -> Result<Self> {
                Ok(Self { $($field: Checked::check(of, component, instance, &mut store)?,)* })
            }
        }
    };
}

callbacks! {
    init Init(Request<'a>) -> (Answer,);
    opened Opened() -> (Outcome,);
    frames Frames(&'a [FrameParam<'a>]) -> (Outcome,);
    info Info(Message<'a>) -> (Outcome,);
    terminate Terminate(Reason<'a>) -> ();
    save Save() -> (Option<Vec<u8>>,);
    restore Restore(Request<'a>, &'a [u8], &'a str) -> (Result<Options, String>,);
}

// `frames` with a batch that is in the window; the accessor's.
callback! { batch Batch() -> (Outcome,) }

// The accessor's.
callback! { grow Grow() -> () }

/// Where a component exports a callback. It has the callback's type.
#[derive(Debug)]
pub(super) struct Checked<C> {
    export: ComponentExportIndex,
    callback: PhantomData<C>,
}

impl<C> Clone for Checked<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Checked<C> {}

impl<C: Callback> Checked<C> {
    pub(super) fn check(
        of: &str,
        component: &Component,
        instance: &Instance,
        mut store: impl AsContextMut,
    ) -> Result<Self> {
        let name = C::NAME;
        let exporter = component.get_export_index(None, of);
        let export = component
            .get_export_index(exporter.as_ref(), name)
            .ok_or_else(|| wasmtime::format_err!("`{of}` does not export `{name}`"))?;
        instance
            .get_typed_func::<C::Params<'_>, C::Results>(&mut store, export)
            .map_err(|error| wasmtime::format_err!("`{name}`: {:#}", error.root_cause()))?;
        Ok(Self { export, callback: PhantomData })
    }

    /// The function in an instance; none in one of another component.
    pub(super) fn of(self, instance: &Instance, store: impl AsContextMut) -> Option<Found> {
        let function = instance.get_func(store, self.export)?;
        Some(Found { callback: C::NAME, function })
    }
}

/// A callback found in an instance. Finding it takes a tenth of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    callback: &'static str,
    function: Func,
}

impl Found {
    /// The function, if it is this callback's.
    pub(super) fn typed<'a, C: Callback>(self) -> Option<TypedFunc<C::Params<'a>, C::Results>> {
        if self.callback != C::NAME {
            return None;
        }
        // SAFETY: it was found by a `Checked` of the callback of this name, whose
        // type was checked when that was made. It is the component's, the same in
        // each of its instances, as it names no resource, whose type would be an
        // instance's own; and an index that was made for one component finds
        // nothing in another.
        Some(unsafe { TypedFunc::new_unchecked(self.function) })
    }
}
