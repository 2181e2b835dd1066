//! From facts to findings. Pure: nothing here asks the world.

pub(crate) mod answer;
pub(crate) mod deliveries;
pub(crate) mod folders;
pub(crate) mod samples;
pub(crate) mod way;
