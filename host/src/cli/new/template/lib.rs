//! A WebSocket handler: greets who connects, and counts what they say.

use wshost_sdk::prelude::*;

/// What is kept of a connection. Each has an instance of its own, so that nobody
/// else gets at it.
struct Greeter {
    name: String,
    count: u64,
}

#[handler]
impl Handler for Greeter {
    /// Called with the HTTP request. A browser that opens the address gets a page,
    /// whose script connects to the same address.
    fn init(request: Request) -> Result<Accept<Self>, Response> {
        if !request.upgrade {
            return Err(Response::html(include_str!("page.html")));
        }
        let name = request.query_value("name").unwrap_or("stranger".into());
        Ok(Accept::new(Greeter {
            name: name.into_owned(),
            count: 0,
        }))
    }

    /// Called when the WebSocket is open. What a callback returns is sent.
    fn opened(&mut self) -> String {
        log::debug!("{} is here", self.name);
        format!("Hello, {}! Say something.", self.name)
    }

    /// Called with each text message.
    fn text(&mut self, text: String) -> String {
        self.count += 1;
        format!("{}: {text}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wshost_sdk::testing::request;

    #[test]
    fn it_greets_and_counts() {
        let mut ann = request("/?name=Ann").open::<Greeter>();
        assert_eq!(ann.opened().texts(), ["Hello, Ann! Say something."]);
        assert_eq!(ann.text("hi").texts(), ["1: hi"]);
        assert_eq!(ann.text("ho").texts(), ["2: ho"]);
    }
}
