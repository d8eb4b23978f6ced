//! `#[handler]`: checks the impl, adds what is known of it, exports it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ImplItem, ItemImpl, Result, parse_quote};

/// The attribute's expansion.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(
            arguments,
            "#[handler] takes no arguments; options of the connection belong to the `Accept` that `init` returns",
        ));
    }
    let mut item = parse_impl(item)?;
    check(&item)?;
    add_constants(&mut item);
    item.attrs.push(parse_quote!(#[allow(refining_impl_trait)]));
    let export = export(&item);
    Ok(quote!(#item #export))
}

fn parse_impl(item: TokenStream) -> Result<ItemImpl> {
    // Of another item the name is the best place to point to.
    match syn::parse2::<syn::Item>(item)? {
        syn::Item::Impl(item) => Ok(item),
        other => Err(Error::new_spanned(
            other,
            "#[handler] stands on `impl Handler for YourType`",
        )),
    }
}

/// Refuses what can't be exported, with a word on what to do.
fn check(item: &ItemImpl) -> Result<()> {
    let Some((None, path, _)) = &item.trait_ else {
        return Err(Error::new_spanned(
            &item.self_ty,
            "#[handler] stands on `impl Handler for YourType`; this impl is of no trait",
        ));
    };
    if path
        .segments
        .last()
        .is_none_or(|last| last.ident != "Handler")
    {
        return Err(Error::new_spanned(
            path,
            "#[handler] stands on an impl of `wshost_sdk::Handler`",
        ));
    }
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &item.generics,
            "a component has one handler of one concrete type: name the type instead of a parameter",
        ));
    }
    if !is_written(item, "init") {
        return Err(Error::new_spanned(
            &item.self_ty,
            "`init` is missing: `fn init(request: Request) -> Result<Accept<Self>, Response>`",
        ));
    }
    Ok(())
}

/// Adds the constants that say which callbacks are written, save those that
/// the author has set.
fn add_constants(item: &mut ItemImpl) {
    let written = |name| is_written(item, name);
    let opened = written("opened");
    let control_frames = written("frame") || written("frames");
    let frames = control_frames || written("text") || written("binary");
    let info = written("info");
    let terminate = written("terminate");
    let callbacks = parse_quote! {
        const CALLBACKS: ::wshost_sdk::Callbacks = ::wshost_sdk::Callbacks {
            opened: #opened,
            frames: #frames,
            info: #info,
            terminate: #terminate,
        };
    };
    let control_frames = parse_quote!(const CONTROL_FRAMES: bool = #control_frames;);
    for (name, constant) in [("CALLBACKS", callbacks), ("CONTROL_FRAMES", control_frames)] {
        if !is_written(item, name) {
            item.items.push(constant);
        }
    }
}

fn is_written(item: &ItemImpl, name: &str) -> bool {
    item.items.iter().any(|member| match member {
        ImplItem::Fn(function) => function.sig.ident == name,
        ImplItem::Const(constant) => constant.ident == name,
        _ => false,
    })
}

/// The component's exports. Only there: their symbols' names are not for
/// other targets' linkers.
fn export(item: &ItemImpl) -> TokenStream {
    let handler = &item.self_ty;
    quote! {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = ::wshost_sdk::__private::Component<#handler>;
            ::wshost_sdk::__private::bindings::export!(
                Exported with_types_in ::wshost_sdk::__private::bindings
            );
        };
    }
}
