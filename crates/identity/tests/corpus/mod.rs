//! Bad access tokens, each made from a good one by one change: `access::bad_tokens`. The changes that fit any kind of
//! token are in `attacks.rs`. Whoever fires them at a running deployment includes this folder as a module.

pub(crate) mod access;
pub(crate) mod attacks;
pub(crate) mod forge;
