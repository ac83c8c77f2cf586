//! libFuzzer's main around [`pg_chat_fuzz::targets::phone`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pg_chat_fuzz::targets::phone(bytes));
