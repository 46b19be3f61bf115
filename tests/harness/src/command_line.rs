//! What a chapter answers on its command line.

use std::net::TcpListener;

use assert_cmd::Command;

/// Checks what every chapter does with its arguments: the usage, a port that is
/// taken, an address that is none, an argument too many.
pub fn check_command_line(program: &str) {
    let run = |arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            // Who sets this asks for more than one sentence.
            .env_remove("RUST_BACKTRACE")
            .assert()
    };

    for flag in ["--help", "-h"] {
        let help = run(&[flag]).success().stderr("");
        let help = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
        assert_eq!(help.lines().count(), 3, "{help}");
        assert!(help.starts_with("Usage: ch"), "{help}");
        assert!(help.contains(" [ADDRESS]\n"), "{help}");
    }

    let taken = TcpListener::bind("127.0.0.1:0").expect("no free port");
    let address = taken.local_addr().expect("a bound port").to_string();
    for (arguments, code, names) in [
        (&[address.as_str()][..], 1, address.as_str()),
        (&["192.0.2.1:8080"], 1, "192.0.2.1:8080"),
        (&["8081"], 2, "\"8081\""),
        (&["nonsense"], 2, "\"nonsense\""),
        (&["127.0.0.1:8081", "again"], 2, "\"again\""),
    ] {
        let failed = run(arguments).code(code).stdout("");
        let sentence = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
        assert!(sentence.starts_with("Error: "), "{sentence}");
        assert!(sentence.contains(names), "{sentence}");
        assert!(sentence.contains("such as 127.0.0.1:8081"), "{sentence}");
    }
}
