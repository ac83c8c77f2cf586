//! All processes at once: PostgreSQL, the real worker, the Graph simulator.

mod arrive;
