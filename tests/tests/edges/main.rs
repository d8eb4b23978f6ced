//! The host's own edges: however many come, and whatever they send, the host goes
//! on, serves the others, and holds no more memory than its settings say.

mod descriptors;
mod hostile;
mod memory;
mod numbers;
mod rates;
mod starving;
mod told;
