//! `wshost reload`: a running host is told to look at its plugins and its
//! configuration.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{
    Request,
    client::conn::http1,
    header::{AUTHORIZATION, CONNECTION, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::admin::{PluginAnswer, PluginResult, ReloadAnswer, Token};

/// The largest answer: a line of an error for each of some thousand plugins.
const ANSWER_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Has a running host read its configuration again, and look at its plugins now. What
/// became of each is a line; the status is 1 if one was refused.
#[derive(Args)]
pub(super) struct Reload {
    /// The host's internal listener
    #[arg(long, value_name = "ADDRESS:PORT", env = "WSHOST_INTERNAL")]
    internal: SocketAddr,
    /// A file whose first line is the token of the host's admin interface [default:
    /// what WSHOST_ADMIN_TOKEN says]
    #[arg(long, value_name = "FILE", env = "WSHOST_ADMIN_TOKEN_FILE")]
    admin_token_file: Option<PathBuf>,
}

impl Reload {
    pub(super) fn run(self) -> Result<()> {
        let Some(token) = Token::find(self.admin_token_file.as_deref())? else {
            bail!("give the host's token by --admin-token-file, or by WSHOST_ADMIN_TOKEN");
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let asking = ask(self.internal, &token);
        let answer = runtime
            .block_on(asking)
            .with_context(|| format!("can't reload the host at {}", self.internal))?;
        print(&answer)?;
        let refused =
            |plugin: &&PluginAnswer| matches!(plugin.result, PluginResult::Refused { .. });
        let count = answer.plugins.iter().filter(refused).count();
        ensure!(count == 0, "{count} of {} plugins were refused", answer.plugins.len());
        Ok(())
    }
}

async fn ask(address: SocketAddr, token: &Token) -> Result<ReloadAnswer> {
    let socket = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let request = Request::post("/v1/reload")
        .header(HOST, address.to_string())
        .header(AUTHORIZATION, token.authorization())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await;
    let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
    if !head.status.is_success() {
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or("is this its internal listener?");
        bail!("it answered {}: {detail}", head.status);
    }
    serde_json::from_slice(&body).context("its answer can't be read")
}

fn print(answer: &ReloadAnswer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for PluginAnswer { name, result } in &answer.plugins {
        match result {
            PluginResult::Unchanged => writeln!(out, "{name}: unchanged")?,
            PluginResult::Deployed { digest } => writeln!(out, "{name}: deployed {digest}")?,
            PluginResult::Removed => writeln!(out, "{name}: removed")?,
            PluginResult::Refused { error } => writeln!(out, "{name}: refused: {error}")?,
        }
    }
    for name in &answer.needs_restart {
        writeln!(out, "{name}: stays as it was, as it needs a restart")?;
    }
    out.flush()
}
