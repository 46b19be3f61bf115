//! A chapter's binary, running on a port of its own.

use std::env::consts::EXE_SUFFIX;
#[cfg(target_os = "linux")]
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use socket2::SockRef;

use crate::company::{Cost, connect_narrowly, cost_of};
use crate::play::{Connection, Host, wait_until_closed};
use crate::printed::Printed;
use crate::transcript::{Again, Step, Transcript, without_date_of_log};
use crate::{Exchange, PATIENCE, wire};

/// The environment variable that says what clients may cost.
const LIMITS: &str = "LIMITS";

/// How long a server may take to end in [`Server::ends_soon`].
const MOMENT: Duration = Duration::from_millis(50);

/// A running server. It is killed when this is dropped, so also when the test
/// that started it fails.
pub struct Server {
    command: Mutex<Command>,
    running: Mutex<Running>,
    limits: String,
    /// While this is kept, no more of its output is read.
    read_on: Option<Sender<()>>,
    carrier: fn(TcpStream) -> Box<dyn Connection>,
}

/// What carries HTTP to a program.
#[cfg(feature = "tls")]
fn carrier(program: &str) -> fn(TcpStream) -> Box<dyn Connection> {
    let name = Path::new(program).file_name().unwrap_or_default();
    match crate::checks::is_sealed(&name.to_string_lossy()) {
        true => crate::tls::sealed,
        false => |stream| Box::new(stream),
    }
}

#[cfg(not(feature = "tls"))]
fn carrier(_: &str) -> fn(TcpStream) -> Box<dyn Connection> {
    |stream| Box::new(stream)
}

/// The process of a server. A server that is stopped and started again has another.
struct Running {
    child: Child,
    address: SocketAddr,
    output: Printed,
    errors: Printed,
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
        Self::start_in_with(program, folder, &[])
    }

    /// Starts a program on a free port, with these environment variables.
    pub fn start_with(program: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_in_with(program, Path::new("."), variables)
    }

    /// Does the same, in a folder.
    pub fn start_in_with(program: &str, folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = command(program);
        command.arg("127.0.0.1:0").current_dir(folder);
        command.envs(variables.iter().copied());
        Self::spawn(command, program)
    }

    /// Starts a program on a free port, with these arguments behind the address.
    pub fn start_told(program: &str, arguments: &[&str]) -> Self {
        let mut command = command(program);
        command.arg("127.0.0.1:0").args(arguments);
        Self::spawn(command, program)
    }

    /// Starts a program on a free port with this in the environment variable `LIMITS`,
    /// which every exchange with it says then.
    pub fn start_with_limits(program: &str, limits: &str) -> Self {
        Self {
            limits: limits.to_owned(),
            ..Self::start_with(program, &[(LIMITS, limits)])
        }
    }

    /// The limits that it was given.
    pub(crate) fn limits(&self) -> Option<&str> {
        Some(&*self.limits).filter(|limits| !limits.is_empty())
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

    /// Starts a program on a free port for which these signals are ignored, as `nohup`
    /// does it.
    #[cfg(unix)]
    pub fn start_ignoring(program: &str, signals: &str) -> Self {
        let mut command = Command::new("sh");
        let script = format!("trap '' {signals} && exec \"$0\" 127.0.0.1:0");
        command.args(["-c", &script, program]);
        Self::spawn(command, program)
    }

    /// Starts a program on a free port whose output and errors nobody reads any
    /// more once it has named the port, as behind `2>&1 | head -1`.
    pub fn start_unheard(program: &str) -> Self {
        let mut command = command(program);
        command.arg("127.0.0.1:0");
        let running = Running::begin(&mut command, program, None::<fn() -> bool>, || false);
        Self::of_closed_output(command, running, program)
    }

    /// Starts a program on a free port whose output, but for its errors, nobody reads
    /// any more once it has named the port.
    pub fn start_unread(program: &str) -> Self {
        let mut command = command(program);
        command.arg("127.0.0.1:0");
        let running = Running::begin(&mut command, program, ALL, || false);
        Self::of_closed_output(command, running, program)
    }

    /// Starts a program with such limits on a free port, and leaves what it prints and
    /// what it says of errors where it is, but for the first line of each, until
    /// [`Server::read_on`] says so.
    pub fn start_stalled(program: &str, limits: &str) -> Self {
        let mut command = command(program);
        command.arg("127.0.0.1:0").env(LIMITS, limits);
        let (read_on, is_read_on) = mpsc::channel();
        let is_read_on = Arc::new(Mutex::new(is_read_on));
        let reads_on = move || {
            // Nothing is ever sent: it ends when the other end is gone.
            let _ = is_read_on.lock().expect("no test fails in here").recv();
            true
        };
        let errors = Some(reads_on.clone());
        let running = Running::begin(&mut command, program, errors, reads_on);
        Self {
            read_on: Some(read_on),
            ..Self::of(command, running, program)
        }
    }

    /// Reads all that comes of a program that was started by [`Server::start_stalled`].
    pub fn read_on(&mut self) {
        self.read_on = None;
    }

    fn spawn(mut command: Command, program: &str) -> Self {
        let running = Running::begin(&mut command, program, ALL, || true);
        Self::of(command, running, program)
    }

    /// The same once its output is closed: it cannot be told that nobody reads before that.
    fn of_closed_output(command: Command, running: Running, program: &str) -> Self {
        running.output.wait_for_end(A_WHILE);
        Self::of(command, running, program)
    }

    fn of(command: Command, running: Running, program: &str) -> Self {
        Self {
            command: Mutex::new(command),
            running: Mutex::new(running),
            limits: String::new(),
            read_on: None,
            carrier: carrier(program),
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

    /// Opens a connection over which HTTP can be spoken: TLS, where the chapter speaks it.
    pub fn open(&self) -> Box<dyn Connection> {
        (self.carrier)(self.connect())
    }

    /// Opens one whose end here holds little of what has come and is not read, so that the
    /// server notices how slowly that is read.
    pub fn open_with_little_room(&self) -> Box<dyn Connection> {
        let stream = self.connect();
        SockRef::from(&stream)
            .set_recv_buffer_size(16 * 1024)
            .expect("cannot make the room small");
        (self.carrier)(stream)
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

    /// Does the same once it has printed so many lines behind that one: an access log may
    /// be written by a thread of its own, which would be stopped before it has come to that.
    pub fn add_lines_it_printed(self, lines: usize, exchange: &str) -> String {
        self.wait_for_output(|printed| printed.lines().count() > lines);
        self.add_printed(exchange, false)
    }

    /// Waits for what it prints on standard output, and gives all that it has printed
    /// there then, from the line on that names the port.
    pub fn wait_for_output(&self, has_come: impl Fn(&str) -> bool) -> String {
        let output = self.running().output.clone();
        wait_for(&output, has_come)
    }

    /// Does the same with standard error.
    pub fn wait_for_errors(&self, has_come: impl Fn(&str) -> bool) -> String {
        let errors = self.running().errors.clone();
        wait_for(&errors, has_come)
    }

    fn add_printed(self, exchange: &str, from_the_first_line: bool) -> String {
        let mut running = self.running();
        running.stop();
        let mut printed = running.output.wait_for_end(A_WHILE);
        if !from_the_first_line {
            let first_line = printed.iter().position(|&byte| byte == b'\n');
            printed = printed.split_off(first_line.map_or(0, |end| end + 1));
        }
        // Clients come from another port each time.
        let printed = String::from_utf8_lossy(&printed)
            .lines()
            .map(|line| match line.split_once(" 127.0.0.1:") {
                Some((words, _)) => format!("{words} [address]\n"),
                None => without_date_of_log(line) + "\n",
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
        let Running { output, errors, .. } = &mut *running;
        for (name, stream) in [("output", output), ("errors", errors)] {
            let printed = stream.wait_for_end(A_WHILE);
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
        let printed = running.output.wait_for_end(A_WHILE);
        String::from_utf8_lossy(&printed)
            .lines()
            .filter(|line| line.starts_with("127.0.0.1:"))
            .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
            .collect()
    }

    /// Waits until the server has ended of itself.
    pub fn ended(self) -> Ended {
        let mut running = self.running();
        let ended = wait(&mut running.child, PATIENCE);
        let status = ended.expect("a process can be waited for");
        let status = status.expect("the server does not end");
        let output = text(&running.output.wait_for_end(A_WHILE));
        let errors = text(&running.errors.wait_for_end(A_WHILE));
        let (_, output) = output.split_once('\n').unwrap_or_default();
        Ended {
            code: status.code(),
            output: output.to_owned(),
            errors,
        }
    }

    /// Whether the server has ended, or does within a moment.
    pub fn ends_soon(&self) -> bool {
        let ended = wait(&mut self.running().child, MOMENT);
        ended.expect("a process can be waited for").is_some()
    }

    /// Sends the server a signal.
    #[cfg(unix)]
    pub fn signal(&self, signal: Signal) {
        let process = i32::try_from(self.process()).expect("a number of a process");
        kill(Pid::from_raw(process), signal).expect("the server can get a signal");
    }

    /// Asks the server to stop, and waits until it has noticed. Where there are no
    /// signals, it is ended by force.
    pub fn tell_to_stop(&self) {
        #[cfg(unix)]
        self.signal(Signal::SIGTERM);
        #[cfg(not(unix))]
        self.running().stop();
        let address = self.running().address;
        wait_until_closed(address);
    }

    /// Ends the server, by force or, where there are signals, by asking it, where that was
    /// not done already, and starts it again, on another port.
    pub fn start_again(&self, how: Again) {
        if how == Again::Stopped {
            let address = self.running().address;
            if TcpStream::connect(address).is_ok() {
                self.tell_to_stop();
            }
            let ended = wait(&mut self.running().child, PATIENCE);
            let status = ended.expect("a process can be waited for");
            assert!(status.is_some(), "the server does not stop");
        }
        self.running().stop();
        let mut command = self.command.lock().expect("no test fails in here");
        let program = command.get_program().to_string_lossy().into_owned();
        let again = Running::begin(&mut command, &program, ALL, || true);
        *self.running() = again;
    }
}

/// Waits until a process has ended, or for so long. A handler of `SIGCHLD` would be told at
/// once, but that signal may end a read of another test, which has a time limit.
fn wait(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + time;
    loop {
        match child.try_wait()? {
            None if Instant::now() < deadline => thread::sleep(LOOK),
            ended => return Ok(ended),
        }
    }
}

/// How often [`wait`] looks.
const LOOK: Duration = Duration::from_millis(5);

/// How long a program that has ended may keep its pipes open. A test that waits for so long
/// has failed.
const A_WHILE: Duration = Duration::from_secs(600);

/// Reads all errors as they come.
const ALL: Option<fn() -> bool> = Some(|| true);

impl Running {
    /// Starts it. `reads_on` says, once the port is named, whether more of its output is
    /// read, and may wait for that, and `reads_errors` the same of its errors; without
    /// it, nothing of these is read.
    fn begin(
        command: &mut Command,
        program: &str,
        reads_errors: Option<impl FnOnce() -> bool + Send + 'static>,
        reads_on: impl FnOnce() -> bool + Send + 'static,
    ) -> Self {
        if !command.get_envs().any(|(name, _)| name == LIMITS) {
            command.env_remove(LIMITS);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let errors = match reads_errors {
            Some(reads_on) => Printed::read_while(stderr, reads_on),
            None => Printed::default(),
        };
        let mut running = Self {
            child,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            output: Printed::read_while(stdout, reads_on),
            errors,
        };
        let first_line = wait_for(&running.output, |printed| printed.contains('\n'));
        let port = running.output.port();
        let port = port.unwrap_or_else(|| panic!("{program} names no port: {first_line:?}"));
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

/// A program as it is started at a terminal. Tests that run in the background, or under
/// `nohup`, have signals ignored, and what they start would ignore them too.
#[cfg(target_os = "linux")]
fn command(program: &str) -> Command {
    const HUP_AND_INT: u64 = 0b11;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    if ignored.is_none_or(|ignored| ignored & HUP_AND_INT == 0) {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT", program]);
    command
}

#[cfg(not(target_os = "linux"))]
fn command(program: &str) -> Command {
    Command::new(program)
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

impl Host for &Server {
    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        Ok(self.open())
    }

    fn connect_narrowly(&mut self) -> io::Result<Box<dyn Connection>> {
        Ok((self.carrier)(connect_narrowly(self.address())?))
    }

    fn knock(&mut self) -> io::Result<Box<dyn Connection>> {
        Ok((self.carrier)(TcpStream::connect(self.address())?))
    }

    fn cost(&self) -> Option<Cost> {
        cost_of([self.process()])
    }

    fn ended(&mut self) -> Option<Option<i32>> {
        let ended = wait(&mut self.running().child, PATIENCE);
        let status = ended.expect("a process can be waited for");
        status.map(|status| status.code())
    }

    fn connect_plainly(&mut self) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(Server::connect(self)))
    }

    fn tell_to_stop(&mut self) -> io::Result<()> {
        Server::tell_to_stop(self);
        Ok(())
    }

    fn start_again(&mut self, how: Again) -> io::Result<()> {
        Server::start_again(self, how);
        Ok(())
    }

    fn all_printed(&self) -> Vec<u8> {
        self.running().output.so_far()
    }

    fn printed_since(&self, length: usize) -> Vec<u8> {
        let printed = self.all_printed();
        let first_line = printed.iter().position(|&byte| byte == b'\n');
        let listening = first_line.map_or(printed.len(), |end| end + 1);
        let since = printed[listening..].get(length..);
        since.unwrap_or_default().to_vec()
    }
}

/// Waits for something to be printed, and gives all that has come then.
fn wait_for(printed: &Printed, has_come: impl Fn(&str) -> bool) -> String {
    // Half a line may have come, and the rest a moment later.
    let lines = |bytes: &[u8]| {
        let end = bytes.iter().rposition(|&byte| byte == b'\n');
        text(&bytes[..end.map_or(0, |end| end + 1)])
    };
    let came = printed.wait_for(PATIENCE, |bytes| has_come(&lines(bytes)));
    let came = came.unwrap_or_else(|| panic!("nothing more than {}", text(&printed.so_far())));
    text(&came)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hide_ports(log: &str) -> String {
    let mut hidden = String::new();
    for line in log.lines() {
        let number = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let line = match line.strip_suffix(r"\n") {
            Some(line) if line.starts_with("Connection from ") => {
                format!(r"{}[port]\n", &line[..number(line)])
            }
            // What a client is called that asked for something.
            Some(line) if line.starts_with("127.0.0.1:") => {
                let (address, rest) = line.split_once(' ').unwrap_or((line, ""));
                format!(r"{}[port] {rest}\n", &address[..number(address)])
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
