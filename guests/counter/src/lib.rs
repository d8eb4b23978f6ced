//! Counts: each text message adds its number, or 1 where it is none, and is
//! answered with the total. Between messages the handler sleeps.

use wshost_sdk::prelude::*;

/// The total of a connection.
#[derive(Default)]
pub struct Counter {
    total: i64,
}

#[handler]
impl Handler for Counter {
    fn init(_: Request) -> Result<Accept<Self>, Response> {
        Ok(Accept::new(Counter::default()))
    }

    fn text(&mut self, text: String) -> Outcome {
        self.total = self.total.saturating_add(text.trim().parse().unwrap_or(1));
        self.total.to_string().hibernate()
    }

    fn save(&self) -> Option<Vec<u8>> {
        Some(self.total.to_le_bytes().to_vec())
    }

    fn restore(_: Request, state: Vec<u8>, _: String) -> Result<Accept<Self>, String> {
        let bytes = state.try_into().map_err(|_| "a total has eight bytes")?;
        let total = i64::from_le_bytes(bytes);
        Ok(Accept::new(Counter { total }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wshost_sdk::testing::request;

    #[test]
    fn it_adds_up_and_sleeps() {
        let mut counter = request("/").open::<Counter>();
        for (text, total) in [("5", "5"), ("hello", "6"), (" -2 ", "4"), ("", "5")] {
            let effect = counter.text(text);
            assert_eq!(effect.texts(), [total]);
            assert!(effect.hibernates());
        }
    }

    #[test]
    fn it_stays_within_its_number() {
        let mut counter = request("/").open::<Counter>();
        counter.text(i64::MAX.to_string());
        assert_eq!(counter.text("1").texts(), [i64::MAX.to_string()]);
    }

    #[test]
    fn another_version_counts_on() {
        let mut old = request("/").open::<Counter>();
        old.text("41");
        let state = old.save().unwrap();
        let mut new = request("/").restore::<Counter>(state, "counter@1").unwrap();
        assert_eq!(new.text("1").texts(), ["42"]);
        assert!(request("/").restore::<Counter>("?", "counter@1").is_err());
    }
}
