//! From the text of a core module to a component that is a handler.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What the modules import and export: the contract, and of WASI what they use.
const WORLD: &str = "
    package wshost:corpus;
    world hostile {
        include wshost:handler/plugin@0.1.0;
        import wasi:clocks/monotonic-clock@0.2.0;
        import wasi:io/poll@0.2.0;
        import wasi:random/random@0.2.0;
    }
    package wasi:io@0.2.0 {
        interface poll {
            resource pollable { block: func(); }
        }
    }
    package wasi:clocks@0.2.0 {
        interface monotonic-clock {
            use wasi:io/poll@0.2.0.{pollable};
            subscribe-duration: func(nanoseconds: u64) -> pollable;
        }
    }
    package wasi:random@0.2.0 {
        interface random { get-random-u64: func() -> u64; }
    }";

/// The component of a module that exports a handler's functions, and its memory
/// and allocator, as the canonical ABI has them.
pub(crate) fn component(text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    resolve.push_path(contract).expect("the contract is valid");
    let package = resolve.push_str("corpus.wit", WORLD).expect("the world is valid");
    let world = resolve.select_world(&[package], Some("hostile")).expect("it is there");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("a custom section can be added");
    let mut encoder = ComponentEncoder::default();
    let encoder = encoder.module(&module).expect("the module fits the world").validate(true);
    encoder.encode().unwrap_or_else(|error| panic!("{error:#}"))
}
