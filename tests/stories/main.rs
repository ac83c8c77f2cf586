//! What people do with pg_chat, told through the database: one story a test.

mod arrive;
