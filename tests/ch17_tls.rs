const CHAPTER: &str = env!("CARGO_BIN_EXE_ch17-tls");

#[test]
fn what_earlier_chapters_do() {
    harness::still_does_what_came_before("ch17-tls", CHAPTER);
}
