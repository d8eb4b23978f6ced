//! The environment's variables that are the host's: `WSHOST_` and a name in capitals.

use super::{
    file::{Assignment, KeyAssignment},
    keys::{self, Shape, key},
    nearest::nearest,
    origin::{ConfigError, Origin},
    settings::{self, scope},
};

/// What their names begin with.
pub(super) const PREFIX: &str = "WSHOST_";
/// Read where the command line is.
const CONFIG: &str = "config";
/// Read by the admin interface. It is secret, and nothing that is printed.
const ADMIN_TOKEN: &str = "admin_token";

/// What variables say.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    pub(super) keys: Vec<KeyAssignment>,
    pub(super) settings: Vec<Assignment>,
}

/// Reads those variables that are the host's.
///
/// # Errors
/// One that begins as they do, and is not known: it would be of no effect, and
/// nobody would know.
pub(super) fn read(variables: &[(String, String)]) -> Result<Variables, ConfigError> {
    let mut read = Variables::default();
    for (variable, value) in variables {
        let Some(rest) = variable.strip_prefix(PREFIX) else { continue };
        let name = rest.to_ascii_lowercase();
        let origin = Origin::Variable(variable.as_str().into());
        if rest != rest.to_ascii_uppercase() {
            return Err(unknown(origin, &name));
        }
        if let Some(key) = key(&name) {
            let given = match key.shape {
                Shape::List => value.split(',').map(|item| item.trim().to_owned()).collect(),
                _ => vec![value.clone()],
            };
            read.keys.push(KeyAssignment { name, given, origin });
        } else if scope(&name).is_some() {
            read.settings.push(Assignment { name, value: value.trim().to_owned(), origin });
        } else if ![CONFIG, ADMIN_TOKEN].contains(&&*name) && !is_others(rest, value) {
            return Err(unknown(origin, &name));
        }
    }
    Ok(read)
}

/// Whether somebody else names it so: our tests, or Kubernetes, which tells every
/// container of the services around it, as `WSHOST_PORT_80_TCP_ADDR` of one that is
/// named `wshost`.
fn is_others(rest: &str, value: &str) -> bool {
    let of_service = ["SERVICE_HOST", "SERVICE_PORT", "PORT_"]
        .iter()
        .any(|part| rest.starts_with(part) || rest.contains(&format!("_{part}")));
    rest.starts_with("TEST_") || of_service || (rest.ends_with("PORT") && value.contains("://"))
}

fn unknown(origin: Origin, name: &str) -> ConfigError {
    let known = [settings::NAMES, keys::NAMES, &[CONFIG, ADMIN_TOKEN]].concat();
    let near = nearest(name, &known).to_ascii_uppercase();
    ConfigError::at(origin, format!("no such variable is known; the nearest is `{PREFIX}{near}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, value: &str) -> Result<Variables, ConfigError> {
        read(&[(name.into(), value.into())])
    }

    #[test]
    fn keys_and_settings_are_told_apart() {
        let list = of("WSHOST_TRUST_PROXY", "10.0.0.0/8, ::1/128").unwrap();
        assert_eq!(list.keys[0].given, ["10.0.0.0/8", "::1/128"]);
        let setting = of("WSHOST_TIMERS_MAX", "5").unwrap();
        assert_eq!((&*setting.settings[0].name, &*setting.settings[0].value), ("timers_max", "5"));
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for (name, near) in [
            ("WSHOST_LISEN", "WSHOST_LISTEN"),
            ("WSHOST_TIMER_MAX", "WSHOST_TIMERS_MAX"),
            ("WSHOST_listen", "WSHOST_LISTEN"),
        ] {
            let error = of(name, "x").unwrap_err().to_string();
            assert!(error.starts_with(name) && error.contains(near), "{error}");
        }
    }

    #[test]
    fn the_variables_of_others_are_left_alone() {
        for (name, value) in [
            ("PATH", "/bin"),
            ("WSHOST_CONFIG", "wshost.toml"),
            ("WSHOST_ADMIN_TOKEN", "0123456789abcdef"),
            ("WSHOST_TEST_PYTHON", "python3"),
            ("WSHOST_PORT", "tcp://10.0.0.1:80"),
            ("WSHOST_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("WSHOST_SERVICE_HOST", "10.0.0.1"),
            ("WSHOST_ADMIN_SERVICE_PORT_HTTP", "80"),
            ("WSHOST_ADMIN_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ] {
            let read = of(name, value).unwrap();
            assert!(read.keys.is_empty() && read.settings.is_empty(), "{name}");
        }
        assert!(of("WSHOST_PORT", "8080").is_err());
    }
}
