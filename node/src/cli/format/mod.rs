//! How things are printed: Docker's formats, tables, times and sizes.

pub(crate) mod duration;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod moment;
pub(crate) mod natural;
pub(crate) mod rows;
pub(crate) mod size;
pub(crate) mod table;
pub(crate) mod template;
pub(crate) mod words;
