//! The directories that a guest is granted (`wasi:filesystem/preopens`).

use wasmtime::{
    Result,
    component::{HasSelf, Linker, Resource},
};
use wasmtime_wasi::{filesystem::Descriptor, p2::bindings::filesystem::preopens};

use super::state::State;

/// In place of WASI's, which would open them anew for each instance.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    preopens::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl preopens::Host for State {
    fn get_directories(&mut self) -> Result<Vec<(Resource<Descriptor>, String)>> {
        let names = self.tenant.capabilities.directories.iter();
        let names: Vec<String> = names.map(|directory| directory.guest.clone()).collect();
        let opened = names.into_iter().enumerate();
        opened.map(|(number, name)| Ok((self.open_directory(number)?, name))).collect()
    }
}
