//! Who may use the admin interface: who has the token (RFC 6750).

use std::{env, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use hyper::{
    StatusCode,
    header::{HeaderValue, WWW_AUTHENTICATE},
};
use subtle::ConstantTimeEq as _;

use super::Problem;

/// The variable that the token is taken from, where no file is named.
const VARIABLE: &str = "WSHOST_ADMIN_TOKEN";
/// A shorter one could be guessed.
const LEN_MIN_BYTES: usize = 16;

/// The token. It is in no log and no error.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The first line of this file, or the variable `WSHOST_ADMIN_TOKEN`; none: there
    /// is neither.
    ///
    /// # Errors
    /// A file that can't be read, and a token that is too short or can't be sent.
    pub fn find(file: Option<&Path>) -> Result<Option<Self>> {
        match file {
            Some(file) => Self::read(file).map(Some),
            None => match env::var(VARIABLE) {
                Ok(text) => Self::new(&text).context(VARIABLE).map(Some),
                Err(env::VarError::NotPresent) => Ok(None),
                Err(error) => Err(error).context(VARIABLE),
            },
        }
    }

    fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("can't read the admin token in {}", file.display()))?;
        warn_if_others_read(file);
        Self::new(text.lines().next().unwrap_or_default())
            .with_context(|| format!("the admin token in {}", file.display()))
    }

    fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        ensure!(
            text.len() >= LEN_MIN_BYTES,
            "it has fewer than {LEN_MIN_BYTES} characters: make one, as by `openssl rand -hex 32`"
        );
        ensure!(
            text.bytes().all(|byte| byte.is_ascii_graphic()),
            "it has other characters than ASCII's visible ones: make one, as by `openssl rand -hex 32`"
        );
        Ok(Self(text.to_owned()))
    }

    /// As a request has it.
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// How long that takes says nothing of the token but its length.
    fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

/// A file in a container's volume is often everybody's to read, and nobody else is
/// there: so it is no error.
fn warn_if_others_read(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0) {
        tracing::warn!(
            "{} can be read by every user: `chmod o= {}` keeps the admin token secret",
            file.display(),
            file.display()
        );
    }
}

/// Whether a request with this header field may go on.
pub(super) fn check(token: Option<&Token>, given: Option<&HeaderValue>) -> Result<(), Problem> {
    let Some(token) = token else {
        let detail = "the admin interface has no token: start the host with --admin-token-file \
                      FILE, or with WSHOST_ADMIN_TOKEN in its environment";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    let unauthorized = |challenge, detail| {
        let problem = Problem::new(StatusCode::UNAUTHORIZED, detail);
        Err(problem.with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge)))
    };
    let Some((scheme, given)) =
        given.and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '))
    else {
        return unauthorized("Bearer", "send the admin token, as authorization: Bearer TOKEN");
    };
    if scheme.eq_ignore_ascii_case("Bearer") && token.is(given.trim()) {
        Ok(())
    } else {
        unauthorized("Bearer error=\"invalid_token\"", "this is not the admin token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_can_be_guessed_or_not_sent_is_refused() {
        for (text, why) in [
            ("", "fewer than 16"),
            ("0123456789abcde", "fewer than 16"),
            ("0123456789 abcdef", "visible"),
            ("0123456789abcdefé", "visible"),
        ] {
            let error = Token::new(text).err().unwrap().to_string();
            assert!(error.contains(why) && error.contains("openssl"), "{error}");
        }
    }

    #[test]
    fn the_first_line_of_a_file_is_the_token() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "0123456789abcdef\r\nmore\n").unwrap();
        let token = Token::find(Some(file.path())).unwrap().unwrap();
        let check = |given: &str| check(Some(&token), Some(&given.parse().unwrap())).is_ok();
        assert!(check("Bearer 0123456789abcdef") && check("bearer  0123456789abcdef"));
        for wrong in ["Bearer 0123456789abcdeg", "Bearer ", "Basic 0123456789abcdef", "Bearer"] {
            assert!(!check(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Token::find(Some(Path::new("/nowhere"))).err().unwrap();
        assert!(format!("{error:#}").contains("/nowhere"), "{error:#}");
    }
}
