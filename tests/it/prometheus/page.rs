//! A small exporter: one page, whatever the test puts on it, with a `Date` of its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// Who is let in.
pub(super) const TOKEN: &str = "let-me-in";

/// Serves until the test ends; its thread ends with the process.
pub(super) struct Exporter {
    pub(super) address: SocketAddr,
    page: Arc<Mutex<(String, String)>>,
}

impl Exporter {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let page = Arc::new(Mutex::new((String::new(), String::new())));
        let shown = Arc::clone(&page);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (date, body) = shown.lock().unwrap().clone();
                // Who hangs up early has had enough.
                let _ = answer(stream, &date, &body);
            }
        });
        Self { address, page }
    }

    /// What is shown from now on, and when it is said to be.
    pub(super) fn show(&self, date: &str, body: &str) {
        *self.page.lock().unwrap() = (date.to_owned(), body.to_owned());
    }
}

fn answer(mut stream: TcpStream, date: &str, body: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut head) = (String::new(), String::new());
    while reader.read_line(&mut line)? > 0 && line != "\r\n" {
        head.push_str(&line);
        line.clear();
    }
    let let_in = head.contains(&format!("authorization: Bearer {TOKEN}\r\n"));
    let (status, body) = if let_in {
        ("200 OK", body)
    } else {
        ("401 Unauthorized", "who are you?")
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}
