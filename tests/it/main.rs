//! The one integration binary: scenarios and real doors, each area in its own module.

mod net;
