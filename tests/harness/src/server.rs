//! A chapter's binary, running on a port of its own.

use std::env::consts::EXE_SUFFIX;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[cfg(unix)]
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use wait_timeout::ChildExt;

use crate::play::{Connection, Host};
use crate::transcript::{Again, Step, Transcript};
use crate::{Exchange, PATIENCE, wire};

/// How long a server may take to end in [`Server::ends_soon`].
const MOMENT: Duration = Duration::from_millis(50);

/// A running server. It is killed when this is dropped, so also when the test
/// that started it fails.
pub struct Server {
    command: Mutex<Command>,
    running: Mutex<Running>,
}

/// The process of a server. A server that is stopped and started again has another.
struct Running {
    child: Child,
    address: SocketAddr,
    output: Option<JoinHandle<Vec<u8>>>,
    errors: Option<JoinHandle<Vec<u8>>>,
}

/// What is read of what a server prints, once it has named its port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    All,
    Errors,
    Nothing,
}

/// What is left of a server that has ended of itself.
pub struct Ended {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed on standard output behind the line that names the port.
    pub output: String,
    /// What it printed on standard error.
    pub errors: String,
}

impl Server {
    /// Starts a program on a free port.
    pub fn start(program: &str) -> Self {
        Self::start_in(program, Path::new("."))
    }

    /// Starts a program on a free port, in a folder.
    pub fn start_in(program: &str, folder: &Path) -> Self {
        let mut command = Command::new(program);
        command.arg("127.0.0.1:0").current_dir(folder);
        Self::spawn(command, program)
    }

    /// Starts a program on a free port, with these environment variables.
    pub fn start_with(program: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program);
        command.arg("127.0.0.1:0").envs(variables.iter().copied());
        Self::spawn(command, program)
    }

    /// Starts a program on a free port that can have no more files open than
    /// that, the three standard ones and its sockets included.
    #[cfg(target_os = "linux")]
    pub fn start_with_open_files(program: &str, limit: usize) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {limit} && exec \"$0\" 127.0.0.1:0");
        command.args(["-c", &script, program]);
        Self::spawn(command, program)
    }

    /// Starts a program on a free port whose output and errors nobody reads any
    /// more once it has named the port, as behind `2>&1 | head -1`.
    pub fn start_unheard(program: &str) -> Self {
        let mut command = Command::new(program);
        command.arg("127.0.0.1:0");
        let running = Running::begin(&mut command, program, Heard::Nothing);
        let server = Self::of(command, running);
        for stream in {
            let mut running = server.running();
            [running.output.take(), running.errors.take()]
        } {
            let stream = stream.expect("nobody has taken it");
            stream.join().expect("the pipe is closed");
        }
        server
    }

    /// Starts a program on a free port whose output, but for its errors, nobody reads
    /// any more once it has named the port.
    pub fn start_unread(program: &str) -> Self {
        let mut command = Command::new(program);
        command.arg("127.0.0.1:0");
        let running = Running::begin(&mut command, program, Heard::Errors);
        Self::of(command, running)
    }

    fn spawn(mut command: Command, program: &str) -> Self {
        let running = Running::begin(&mut command, program, Heard::All);
        Self::of(command, running)
    }

    fn of(command: Command, running: Running) -> Self {
        Self {
            command: Mutex::new(command),
            running: Mutex::new(running),
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().expect("no test fails in here")
    }

    /// Starts the solution of a chapter's exercise, such as `ch04-solution`, on a
    /// free port.
    pub fn start_solution(chapter: &str, name: &str) -> Self {
        Self::start_solution_with(chapter, name, &[])
    }

    /// Does the same, with these environment variables.
    pub fn start_solution_with(chapter: &str, name: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_with(&example(chapter, name).to_string_lossy(), variables)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running().address
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.running().child.id()
    }

    /// The address of a page, for a client that wants a URL.
    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address())
    }

    /// Opens a connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("cannot connect to the server");
        stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .and_then(|()| stream.set_nodelay(true))
            .expect("cannot set up the connection");
        stream
    }

    /// Opens a connection and begins to write down what goes over it. The
    /// heading is as [`Transcript::new`] wants it.
    ///
    /// [`Transcript::new`]: crate::transcript::Transcript::new
    pub fn begin(&self, heading: &str) -> Exchange<'_> {
        Exchange::begin(self, heading, 0)
    }

    /// Does the same and says that the server has served nobody yet, where what it
    /// answers depends on what it was sent before.
    pub fn begin_anew(&self, heading: &str) -> Exchange<'_> {
        Exchange::begin(self, heading, 0).anew()
    }

    /// Does the same after it has opened `older` other connections, which stay
    /// open and silent until the end.
    pub fn begin_behind(&self, older: usize, heading: &str) -> Exchange<'_> {
        Exchange::begin(self, heading, older)
    }

    /// Sends a request and writes down what comes back.
    pub fn exchange(&self, heading: &str, request: impl AsRef<[u8]>) -> String {
        self.begin(heading).send(request).finish()
    }

    /// Stops the server, and adds to an exchange, which must be all that there
    /// was with it, what it has printed on standard output behind the line that
    /// names the port.
    pub fn add_what_it_printed(self, exchange: &str) -> String {
        self.add_printed(exchange, false)
    }

    /// Does the same with all that it has printed, from that line on.
    pub fn add_all_it_printed(self, exchange: &str) -> String {
        self.add_printed(exchange, true)
    }

    fn add_printed(self, exchange: &str, from_the_first_line: bool) -> String {
        let mut running = self.running();
        running.stop();
        let printed = running.output.take().expect("the output is read once");
        let mut printed = printed.join().expect("cannot read what was printed");
        if !from_the_first_line {
            let first_line = printed.iter().position(|&byte| byte == b'\n');
            printed = printed.split_off(first_line.map_or(0, |end| end + 1));
        }
        // Clients come from another port each time.
        let printed = String::from_utf8_lossy(&printed)
            .lines()
            .map(|line| match line.split_once(" 127.0.0.1:") {
                Some((words, _)) => format!("{words} [address]\n"),
                None => format!("{line}\n"),
            })
            .collect::<String>()
            .replace(
                &format!("port {}...", running.address.port()),
                "port [port]...",
            )
            .into_bytes();
        let mut transcript = Transcript::parse(exchange).expect("an exchange is a transcript");
        transcript.steps.push(Step::Prints(printed));
        transcript.to_string()
    }

    /// Stops the server and gives what it has printed, standard output first,
    /// with every port replaced by `[port]`.
    pub fn log(self) -> String {
        let mut running = self.running();
        running.stop();
        let mut log = String::new();
        for (name, stream) in [
            ("output", running.output.take()),
            ("errors", running.errors.take()),
        ] {
            let stream = stream.expect("the log is read once");
            let printed = stream.join().expect("cannot read what was printed");
            log += &format!("--- standard {name}\n");
            for line in wire::show(&printed) {
                log += &format!("{line}\n");
            }
        }
        hide_ports(&log)
    }

    /// Stops the server and gives, for each request in its log, the address that it came
    /// from, as a server of part two prints it.
    pub fn clients(self) -> Vec<String> {
        let mut running = self.running();
        running.stop();
        let printed = running.output.take().expect("the log is read once");
        let printed = printed.join().expect("cannot read what was printed");
        String::from_utf8_lossy(&printed)
            .lines()
            .filter(|line| line.starts_with("127.0.0.1:"))
            .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
            .collect()
    }

    /// Waits until the server has ended of itself.
    pub fn ended(self) -> Ended {
        let mut running = self.running();
        let ended = running.child.wait_timeout(PATIENCE);
        let status = ended.expect("a process can be waited for");
        let status = status.expect("the server does not end");
        let printed = |stream: Option<JoinHandle<Vec<u8>>>| {
            let printed = stream.expect("the log is read once").join();
            let printed = printed.expect("cannot read what was printed");
            String::from_utf8_lossy(&printed).into_owned()
        };
        let output = printed(running.output.take());
        let errors = printed(running.errors.take());
        let (_, output) = output.split_once('\n').unwrap_or_default();
        Ended {
            code: status.code(),
            output: output.to_owned(),
            errors,
        }
    }

    /// Whether the server has ended, or does within a moment.
    pub fn ends_soon(&self) -> bool {
        let ended = self.running().child.wait_timeout(MOMENT);
        ended.expect("a process can be waited for").is_some()
    }

    /// Sends the server a signal.
    #[cfg(unix)]
    pub fn signal(&self, signal: Signal) {
        let process = i32::try_from(self.process()).expect("a number of a process");
        kill(Pid::from_raw(process), signal).expect("the server can get a signal");
    }

    /// Ends the server, by force or, where there are signals, by asking it, and starts
    /// it again, on another port.
    pub fn start_again(&self, how: Again) {
        if how == Again::Stopped {
            #[cfg(unix)]
            self.signal(Signal::SIGTERM);
            #[cfg(not(unix))]
            self.running().stop();
            let ended = self.running().child.wait_timeout(PATIENCE);
            let status = ended.expect("a process can be waited for");
            assert!(status.is_some(), "the server does not stop");
        }
        self.running().stop();
        let mut command = self.command.lock().expect("no test fails in here");
        let program = command.get_program().to_string_lossy().into_owned();
        let again = Running::begin(&mut command, &program, Heard::All);
        *self.running() = again;
    }
}

impl Running {
    fn begin(command: &mut Command, program: &str, heard: Heard) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let errors = match heard {
            Heard::Nothing => {
                drop(stderr);
                thread::spawn(Vec::new)
            }
            _ => collect(stderr, true).0,
        };
        let (output, first_line) = collect(stdout, heard == Heard::All);
        let mut running = Self {
            child,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            output: Some(output),
            errors: Some(errors),
        };
        let first_line = first_line
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("{program} says nothing"));
        let port = first_line
            .strip_prefix("Listening on port ")
            .and_then(|rest| rest.strip_suffix("...\n"))
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("{program} names no port: {first_line:?}"));
        running.address.set_port(port);
        running
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The example of that name beside a chapter's own binary, where `cargo test` puts it;
/// but not one that is given the name of a test, or `--test`.
pub fn example(chapter: &str, name: &str) -> PathBuf {
    let file = format!("{name}{EXE_SUFFIX}");
    let program = Path::new(chapter).with_file_name("examples").join(file);
    assert!(
        program.exists(),
        "{name} is not built yet; build it with `cargo build --examples`"
    );
    program
}

impl Host for Server {
    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(Server::connect(self)))
    }

    fn start_again(&mut self, how: Again) -> io::Result<()> {
        Server::start_again(self, how);
        Ok(())
    }
}

/// Reads a pipe to its end, so that the program never waits for a reader, and
/// passes on the first line as soon as it is there. Unless it is read `to_end`, it
/// is closed then.
fn collect(
    pipe: impl Read + Send + 'static,
    to_end: bool,
) -> (JoinHandle<Vec<u8>>, Receiver<String>) {
    let (first_line, receiver) = mpsc::channel();
    let collected = thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut printed = Vec::new();
        if reader
            .read_until(b'\n', &mut printed)
            .is_ok_and(|length| length > 0)
        {
            let _ = first_line.send(String::from_utf8_lossy(&printed).into_owned());
        }
        if to_end {
            let _ = reader.read_to_end(&mut printed);
        }
        printed
    });
    (collected, receiver)
}

fn hide_ports(log: &str) -> String {
    let mut hidden = String::new();
    for line in log.lines() {
        let number = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let line = match line.strip_suffix(r"\n") {
            Some(line) if line.starts_with("Connection from ") => {
                format!(r"{}[port]\n", &line[..number(line)])
            }
            Some(line) if line.starts_with("Listening on port ") => {
                let line = line.trim_end_matches('.');
                format!(r"{}[port]...\n", &line[..number(line)])
            }
            // What a server of part two prints of a request begins with its client.
            _ => match line.strip_prefix("127.0.0.1:") {
                Some(rest) => {
                    let request = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                    format!("127.0.0.1:[port]{request}")
                }
                None => line.to_owned(),
            },
        };
        hidden += &line;
        hidden.push('\n');
    }
    hidden
}
