//! The attribute macro of `wshost-sdk`; see there.

mod handler;

use proc_macro::TokenStream;

/// Makes `impl Handler for …` what the component exports.
///
/// It notes which callbacks are written, so that the host wakes nobody for the
/// others, and lets a callback name the type it returns (`-> String`) where
/// the trait says `-> impl Reply`.
///
/// A component has one handler, of one concrete type.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::expand(arguments.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
