#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| folkmoot_tests::fuzz::invitation(data));
