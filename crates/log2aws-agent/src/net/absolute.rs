//! Requests in absolute form (RFC 9112 §3.2.2), which is how a proxy is asked for an http URL.
//!
//! ureq writes the origin form, and opens a tunnel for http too, which proxies usually refuse
//! except for port 443. So the head of each request is rewritten on its way out.

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::proxy::Login;

/// A connection to a proxy for requests to one origin.
#[derive(Debug)]
pub(super) struct AbsoluteForm<T> {
    inner: T,
    /// `http://host:port`.
    origin: String,
    login: Option<Login>,
    /// Whether the next output begins a request.
    at_start: bool,
}

impl<T: Transport> AbsoluteForm<T> {
    pub(super) fn new(inner: T, origin: String, login: Option<Login>) -> Self {
        Self { inner, origin, login, at_start: true }
    }

    /// The head with the origin in its request line, and the login after it. `None` if the request
    /// line is not complete.
    fn rewrite(&self, head: &[u8]) -> Option<Vec<u8>> {
        let line_end = head.windows(2).position(|bytes| bytes == b"\r\n")? + 2;
        let target = head.get(..line_end)?.iter().position(|byte| *byte == b' ')? + 1;
        let (method, rest) = head.split_at_checked(target)?;
        let (line, headers) = rest.split_at_checked(line_end - target)?;
        let login = self.login.as_ref().map(Login::header).unwrap_or_default();
        Some([method, self.origin.as_bytes(), line, login.as_bytes(), headers].concat())
    }
}

impl<T: Transport> Transport for AbsoluteForm<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if !self.at_start {
            return self.inner.transmit_output(amount, timeout);
        }
        self.at_start = false;
        let head = self.inner.buffers().output().get(..amount).unwrap_or_default().to_vec();
        // Sending the path alone would ask the proxy for a page of its own.
        let head = self.rewrite(&head).ok_or(Error::ConnectionFailed)?;
        let mut rest = head.as_slice();
        while !rest.is_empty() {
            let output = self.inner.buffers().output();
            let length = rest.len().min(output.len());
            let (now, later) = rest.split_at(length);
            output[..length].copy_from_slice(now);
            self.inner.transmit_output(length, timeout)?;
            rest = later;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        // Requests are not pipelined: after a response the next one begins.
        self.at_start = true;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_line_gets_the_origin_and_the_proxy_its_login() {
        let rewritten = |login: Option<Login>, head: &str| {
            let form = AbsoluteForm::new((), "http://a.example:8750".to_owned(), login);
            form.rewrite(head.as_bytes()).map(|head| String::from_utf8(head).unwrap())
        };
        let head = "GET /prod?date=x HTTP/1.1\r\nhost: a.example:8750\r\n\r\n";
        let plain =
            "GET http://a.example:8750/prod?date=x HTTP/1.1\r\nhost: a.example:8750\r\n\r\n";
        assert_eq!(rewritten(None, head).as_deref(), Some(plain));
        let login = Login { user: "ops".to_owned(), password: "word".to_owned() };
        let with_login = rewritten(Some(login), head).unwrap();
        // printf ops:word | base64
        let line = " HTTP/1.1\r\nProxy-Authorization: Basic b3BzOndvcmQ=\r\nhost: a.example:8750";
        assert!(with_login.contains(line), "{with_login}");
        for incomplete in ["", "GET /prod", "GET\r\n"] {
            assert_eq!(rewritten(None, incomplete), None, "{incomplete:?}");
        }
    }
}
