//! Pushes the number of the tick, every second, or as often as the query asks
//! for in milliseconds: `?every=200`.

use wshost_sdk::prelude::*;

/// What a connection remembers.
pub struct Ticker {
    every: Duration,
    ticks: u64,
}

#[handler]
impl Handler for Ticker {
    fn init(request: Request) -> Result<Accept<Self>, Response> {
        let every = request.query_value("every");
        let every = match every.as_deref().unwrap_or("1000").parse() {
            Ok(millis @ 1..) => Duration::from_millis(millis),
            _ => return Err(Response::new(400).text("every: milliseconds, at least 1\n")),
        };
        // A peer that only listens is silent: pings show that it is there.
        Ok(Accept::new(Ticker { every, ticks: 0 }).keep_alive(Duration::from_secs(30)))
    }

    fn opened(&mut self) -> Result<Outcome, Error> {
        timers::start(self.every, "")?;
        Ok(().hibernate())
    }

    fn info(&mut self, _: Message) -> Result<Outcome, Error> {
        timers::start(self.every, "")?;
        self.ticks += 1;
        Ok(self.ticks.to_string().hibernate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wshost_sdk::testing::request;

    #[test]
    fn it_ticks() {
        let mut ticker = request("/?every=200").open::<Ticker>();
        for tick in ["1", "2", "3"] {
            let [timer] = ticker.timers() else {
                panic!("not one timer: {:?}", ticker.timers());
            };
            assert_eq!(timer.after, Duration::from_millis(200));
            let id = timer.id;
            assert_eq!(ticker.fire(id).texts(), [tick]);
        }
    }

    #[test]
    fn it_ticks_once_a_second_unless_told() {
        let ticker = request("/").open::<Ticker>();
        assert_eq!(ticker.timers()[0].after, Duration::from_secs(1));
    }

    #[test]
    fn it_refuses_what_is_no_time() {
        for target in ["/?every=0", "/?every=soon", "/?every=-1", "/?every="] {
            assert_eq!(request(target).refused::<Ticker>().status(), 400);
        }
    }
}
