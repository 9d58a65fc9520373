//! Images from other machines, and only from those that all may reach.
//!
//! A request must not make the server ask machines that only the server can reach. So every name is looked up here, all its
//! addresses are checked, and the connection goes to the very addresses that were checked.

mod address;

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use self::address::is_public;
use crate::fault::Fault;

/// How often an address may point to another.
const REDIRECTS: u32 = 3;
/// The longest that an image may take, with all that it is pointed to.
const TIME: Duration = Duration::from_secs(15);
/// How many are fetched at the same time.
const TOGETHER: usize = 8;

/// Fetches what requests name.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    allows: fn(IpAddr) -> bool,
    places: Arc<Semaphore>,
    time: Duration,
}

impl Remote {
    pub(crate) fn new() -> Self {
        Self { allows: is_public, places: Arc::new(Semaphore::new(TOGETHER)), time: TIME }
    }

    /// The bytes at an address, if they are at most `limit`.
    pub(crate) async fn fetch(&self, url: &str, limit: usize) -> Result<Vec<u8>, Fault> {
        let wrong = |why: String| Fault::field("messages", format!("an image cannot be fetched: {why}"));
        let uri: Uri = url.parse().map_err(|_| wrong("its address is not one".into()))?;
        // The fragment is not sent, and what else is checked is checked anew for each redirect.
        check(&uri).map_err(|why| wrong(why.into()))?;
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|error| Fault::internal(error.to_string()))?;
        let (allows, time) = (self.allows, self.time);
        let fetching = tokio::task::spawn_blocking(move || {
            let bytes = read(&agent(allows, time), uri, limit);
            drop(place);
            bytes
        });
        let bytes = fetching.await.map_err(|error| Fault::internal(error.to_string()))?;
        bytes.map_err(|error| wrong(error.to_string()))
    }
}

/// One for each image: it has no connections, cookies or answers of others.
fn agent(allows: fn(IpAddr) -> bool, time: Duration) -> Agent {
    let config = Agent::config_builder()
        // One would look names up by itself.
        .proxy(None)
        .max_redirects(REDIRECTS)
        .timeout_global(Some(time))
        .max_idle_connections(0)
        .accept("image/*")
        .user_agent(concat!("mlx-serve/", env!("CARGO_PKG_VERSION")))
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Checked { allows })
}

fn read(agent: &Agent, uri: Uri, limit: usize) -> Result<Vec<u8>, Error> {
    let mut response = agent.get(uri).call()?;
    let mut bytes = Vec::new();
    // The bound is on what comes out of an encoding, and one more tells that there is more.
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    response.body_mut().as_reader().take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > limit { Err(Error::BodyExceedsLimit(most)) } else { Ok(bytes) }
}

/// What is wrong with an address before its host is looked up.
fn check(uri: &Uri) -> Result<(), &'static str> {
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("only addresses of http and https are taken");
    }
    match uri.authority() {
        None => Err("its address names no host"),
        Some(authority) if authority.as_str().contains('@') => {
            Err("an address may have no user or password in it")
        }
        Some(_) => Ok(()),
    }
}

/// Looks names up, and refuses those of machines that not all may reach. It is asked for each redirect too.
#[derive(Debug)]
struct Checked {
    allows: fn(IpAddr) -> bool,
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let refused =
            |why: &str| Error::Io(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why.to_owned()));
        check(uri).map_err(refused)?;
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        if found.iter().all(|address| (self.allows)(address.ip())) {
            return Ok(found);
        }
        // Not which one: that would tell of the network.
        Err(refused("its host is not one that all may reach"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LIMIT: usize = 1000;

    /// A server on this machine that answers each path with a text of its own.
    fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
                    head.push(byte[0]);
                }
                count.fetch_add(1, Ordering::SeqCst);
                let head = String::from_utf8(head).unwrap();
                let path = head.split(' ').nth(1).unwrap_or_default();
                let _ = stream.write_all(answer(path).as_bytes());
            }
        });
        (port, asked)
    }

    fn body(text: &str) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len())
    }

    fn redirect(to: &str) -> String {
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }

    fn fetch(remote: &Remote, url: &str) -> Result<String, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let fetched = runtime.block_on(remote.fetch(url, LIMIT));
        fetched.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|fault| fault.message)
    }

    /// One that may ask this machine, but not by all of its addresses.
    fn near() -> Remote {
        let allows = |address: IpAddr| is_public(address) || address == IpAddr::from([127, 0, 0, 1]);
        Remote { allows, ..Remote::new() }
    }

    #[test]
    fn bytes_are_fetched_through_redirects() {
        let (port, _) = serve(|path| if path == "/a" { redirect("/b") } else { body("image") });
        assert_eq!(fetch(&near(), &format!("http://127.0.0.1:{port}/a")).unwrap(), "image");
    }

    #[test]
    fn a_machine_that_not_all_may_reach_is_not_asked() {
        let (port, asked) = serve(|_| body("secret"));
        for host in
            ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1"]
        {
            let message = fetch(&Remote::new(), &format!("http://{host}:{port}/")).unwrap_err();
            assert!(message.contains("cannot be fetched"), "{host}: {message}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_redirect_to_such_a_machine_is_not_followed() {
        let (inner, asked) = serve(|_| body("secret"));
        for to in [format!("http://127.0.0.2:{inner}/"), format!("http://u:p@127.0.0.1:{inner}/")] {
            let (port, _) = serve(move |_| redirect(&to));
            let message = fetch(&near(), &format!("http://127.0.0.1:{port}/")).unwrap_err();
            assert!(message.contains("cannot be fetched"), "{message}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn redirects_end() {
        let (port, asked) = serve(|_| redirect("/"));
        fetch(&near(), &format!("http://127.0.0.1:{port}/")).unwrap_err();
        assert_eq!(asked.load(Ordering::SeqCst), 1 + REDIRECTS as usize);
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let (port, _) = serve(|path| body(&"x".repeat(path.len().saturating_sub(1))));
        let url = |length| format!("http://127.0.0.1:{port}/{}", "y".repeat(length));
        assert_eq!(fetch(&near(), &url(LIMIT)).unwrap().len(), LIMIT);
        fetch(&near(), &url(LIMIT + 1)).unwrap_err();
    }

    #[test]
    fn a_silent_machine_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let remote = Remote { time: Duration::from_millis(200), ..near() };
        let message = fetch(&remote, &format!("http://127.0.0.1:{port}/")).unwrap_err();
        assert!(message.contains("timeout"), "{message}");
    }

    #[test]
    fn other_schemes_and_users_in_addresses_are_refused() {
        for url in
            ["file:///etc/passwd", "ftp://example.com/a", "http://user@example.com/", "/a", "http://", ""]
        {
            fetch(&near(), url).unwrap_err();
        }
    }

    #[test]
    fn an_answer_that_is_an_error_is_none() {
        let (port, _) = serve(|_| "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone".into());
        assert!(fetch(&near(), &format!("http://127.0.0.1:{port}/")).unwrap_err().contains("404"));
    }
}
