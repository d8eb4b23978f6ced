//! `#[handler]`: checks the impl, adds what is known of it, exports it.

use proc_macro2::{Span, TokenStream};
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
    match syn::parse2(item)? {
        syn::Item::Impl(item) => Ok(item),
        // The attribute itself is the best place to point to.
        _ => Err(Error::new(Span::call_site(), "#[handler] stands on `impl Handler for YourType`")),
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
    if path.segments.last().is_none_or(|last| last.ident != "Handler") {
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
    let made = |member: &&ImplItem| matches!(member, ImplItem::Macro(_));
    if let Some(made) = item.items.iter().find(made) {
        return Err(Error::new_spanned(
            made,
            "#[handler] has to see which callbacks are written: write them out here",
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
/// other targets' linkers. There a mention keeps the handler from being
/// reported as unused.
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
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            let _ = <#handler as ::wshost_sdk::Handler>::init;
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(arguments: TokenStream, item: TokenStream) -> String {
        expand(arguments, item).unwrap_err().to_string()
    }

    fn expanded(item: TokenStream) -> String {
        expand(TokenStream::new(), item).unwrap().to_string()
    }

    #[test]
    fn misuse_is_explained() {
        let none = TokenStream::new;
        let good = quote!(impl Handler for Echo { fn init() {} });
        assert!(error(quote!(fast), good).contains("takes no arguments"));
        assert!(
            error(
                none(),
                quote!(
                    struct Echo;
                )
            )
            .contains("stands on `impl Handler for")
        );
        let inherent = quote!(impl Echo { fn init() {} });
        assert!(error(none(), inherent).contains("of no trait"));
        let other = quote!(impl Clone for Echo { fn init() {} });
        assert!(error(none(), other).contains("`wshost_sdk::Handler`"));
        let negative = quote!(impl !Handler for Echo { fn init() {} });
        assert!(error(none(), negative).contains("of no trait"));
        let generic = quote!(
            impl<T> Handler for Echo<T> {
                fn init() {}
            }
        );
        assert!(error(none(), generic).contains("one concrete type"));
        let made = quote!(impl Handler for Echo { callbacks!(); });
        assert!(error(none(), made).contains("write them out"));
        let empty = quote!(impl Handler for Echo { fn text() {} });
        assert!(error(none(), empty).contains("`init` is missing"));
    }

    /// What the expansion says of the callbacks: opened, frames, info,
    /// terminate, and whether control frames are shown.
    fn wanted(names: &[&str]) -> [bool; 5] {
        let functions = names.iter().map(|name| {
            let name = syn::Ident::new(name, Span::call_site());
            quote!(fn #name() {})
        });
        let item = expanded(quote!(impl Handler for Echo { fn init() {} #(#functions)* }));
        let says = |text: &str| item.contains(text);
        [
            says("opened : true"),
            says("frames : true"),
            says("info : true"),
            says("terminate : true"),
            says("CONTROL_FRAMES : bool = true"),
        ]
    }

    #[test]
    fn the_callbacks_written_are_those_wanted() {
        assert_eq!(wanted(&[]), [false; 5]);
        assert_eq!(wanted(&["opened"]), [true, false, false, false, false]);
        assert_eq!(wanted(&["text"]), [false, true, false, false, false]);
        assert_eq!(wanted(&["binary"]), [false, true, false, false, false]);
        assert_eq!(wanted(&["frame"]), [false, true, false, false, true]);
        assert_eq!(wanted(&["frames"]), [false, true, false, false, true]);
        assert_eq!(wanted(&["info", "save"]), [false, false, true, false, false]);
        assert_eq!(wanted(&["terminate"]), [false, false, false, true, false]);
    }

    #[test]
    fn what_the_author_has_set_stays() {
        let item = expanded(quote! {
            impl wshost_sdk::Handler for Echo {
                const CONTROL_FRAMES: bool = CHOICE;
                fn init() {}
                fn frame() {}
            }
        });
        assert_eq!(item.matches("const CONTROL_FRAMES").count(), 1);
        assert_eq!(item.matches("const CALLBACKS").count(), 1);
    }
}
