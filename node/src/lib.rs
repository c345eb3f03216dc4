//! One machine's daemon: the runtimes that carry tasks out, and what stands around them.

pub mod runtime;
