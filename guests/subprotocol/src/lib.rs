//! Speaks MQTT or nothing: picks the subprotocol `mqtt` where the client
//! offers it, and answers 400 where it offers others alone.

use wshost_sdk::prelude::*;

/// Nothing is remembered, for nothing is said.
pub struct Mqtt;

#[handler]
impl Handler for Mqtt {
    fn init(request: Request) -> Result<Accept<Self>, Response> {
        match request.subprotocols.as_slice() {
            [] => Ok(Accept::new(Mqtt)),
            _ if request.offers("mqtt") => Ok(Accept::new(Mqtt).subprotocol("mqtt")),
            _ => Err(Response::new(400).text("the only subprotocol here is mqtt\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wshost_sdk::testing::request;

    #[test]
    fn it_picks_mqtt() {
        let offer = request("/").subprotocol("v12.stomp").subprotocol("mqtt");
        let mqtt = offer.open::<Mqtt>();
        assert_eq!(mqtt.accepted().subprotocol.as_deref(), Some("mqtt"));
    }

    #[test]
    fn it_picks_nothing_where_nothing_is_offered() {
        assert_eq!(request("/").open::<Mqtt>().accepted().subprotocol, None);
    }

    #[test]
    fn it_refuses_to_speak_another() {
        let response = request("/").subprotocol("v12.stomp").refused::<Mqtt>();
        assert_eq!(response.status(), 400);
    }
}
