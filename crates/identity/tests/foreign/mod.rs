//! Good tokens of everybody else, and what is particular about bad ones of each kind.

pub(crate) mod cases;
mod good;
pub(crate) mod keys;
pub(crate) mod world;
