//! Sends back what it gets: text as text, bytes as bytes. Asked for with the
//! query `hibernate`, it asks for hibernation in every callback, which shows what
//! that costs.

use wshost_sdk::prelude::*;

/// An echo remembers how it was asked for.
pub struct Echo {
    hibernates: bool,
}

#[handler]
impl Handler for Echo {
    fn init(request: Request) -> Result<Accept<Self>, Response> {
        let echo = Echo { hibernates: request.query.as_deref() == Some("hibernate") };
        Ok(Accept::new(echo).max_frame_size(32 << 20).compress(Deflate::new()))
    }

    fn text(&mut self, text: String) -> Outcome {
        self.back(text)
    }

    fn binary(&mut self, data: Vec<u8>) -> Outcome {
        self.back(data)
    }
}

impl Echo {
    fn back(&self, frame: impl Reply) -> Outcome {
        if self.hibernates { frame.hibernate() } else { frame.into_outcome() }
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
    fn it_hibernates_if_it_is_asked_to() {
        assert!(!request("/").open::<Echo>().text("hi").hibernates());
        assert!(request("/?hibernate").open::<Echo>().text("hi").hibernates());
    }

    #[test]
    fn pings_are_left_to_the_host() {
        let mut echo = request("/").open::<Echo>();
        assert!(!echo.accepted().options.control_frames);
        assert_eq!(echo.ping(b"hi").frames(), []);
    }
}
