//! What NATS's operator gives out: accounts and users by signed tokens, as `nsc` makes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use nkeys::KeyPair;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server's configuration that asks for credentials, and a user's that it takes.
#[derive(Debug)]
pub struct Credentials {
    server: PathBuf,
    user: PathBuf,
    _directory: TempDir,
}

impl Credentials {
    /// Those of a new operator.
    ///
    /// # Panics
    /// If no file can be written.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "they differ each time")]
    pub fn new() -> Self {
        let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
        let user = KeyPair::new_user();
        let none = -1;
        let limits = json!({
            "subs": none, "data": none, "payload": none, "imports": none, "exports": none,
            "wildcards": true, "conn": none, "leaf": none,
        });
        let of_operator = token(&operator, &operator, json!({"type": "operator"}));
        let of_account = token(&operator, &account, json!({"type": "account", "limits": limits}));
        let may = json!({
            "type": "user", "pub": {}, "sub": {}, "subs": none, "data": none, "payload": none,
        });
        let of_user = token(&account, &user, may);
        let server = format!(
            "operator: {of_operator}\nresolver: MEMORY\nresolver_preload: {{ {}: {of_account} }}\n",
            account.public_key()
        );
        let seed = user.seed().expect("it was made here");
        let credentials = format!(
            "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        let directory = TempDir::new().expect("a directory can be made");
        let write = |name: &str, text: String| {
            let file = directory.path().join(name);
            fs::write(&file, text).expect("a file can be written");
            file
        };
        Self {
            server: write("nats.conf", server),
            user: write("user.creds", credentials),
            _directory: directory,
        }
    }

    /// The server's configuration.
    pub fn server(&self) -> &Path {
        &self.server
    }

    /// A user's file.
    pub fn user(&self) -> &Path {
        &self.user
    }
}

/// What `issuer` says of `subject`, signed.
fn token(issuer: &KeyPair, subject: &KeyPair, mut nats: Value) -> String {
    nats["version"] = json!(2);
    let claims = json!({
        "iss": issuer.public_key(), "sub": subject.public_key(), "name": "test", "iat": 0,
        "nats": nats,
    });
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = encoded(&json!({"typ": "JWT", "alg": "ed25519-nkey"}));
    let said = format!("{head}.{}", encoded(&claims));
    let signature = issuer.sign(said.as_bytes()).expect("it has the seed");
    format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature))
}
