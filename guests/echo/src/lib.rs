//! Sends back what it gets: text as text, bytes as bytes.

use wshost_sdk::prelude::*;

/// An echo has nothing to remember.
pub struct Echo;

#[handler]
impl Handler for Echo {
    fn init(_: Request) -> Result<Accept<Self>, Response> {
        Ok(Accept::new(Echo).max_frame_size(32 << 20).compress(Deflate::new()))
    }

    fn text(&mut self, text: String) -> String {
        text
    }

    fn binary(&mut self, data: Vec<u8>) -> Vec<u8> {
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wshost_sdk::testing::request;

    #[test]
    fn it_sends_back_what_it_gets() {
        let mut echo = request("/").open::<Echo>();
        assert_eq!(echo.text("hi").frames(), ["hi".into()]);
        assert_eq!(echo.binary([1, 2]).frames(), [vec![1, 2].into()]);
    }

    #[test]
    fn pings_are_left_to_the_host() {
        let mut echo = request("/").open::<Echo>();
        assert!(!echo.accepted().options.control_frames);
        assert_eq!(echo.ping(b"hi").frames(), []);
    }
}
