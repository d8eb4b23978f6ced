//! A handler that moves to another version of its plugin.

use std::{mem, time::Instant};

use thiserror::Error;

use super::{Awake, Guest, Hibernate, Patience, State, WakeError};
use crate::{
    background,
    connection::{Options, Shared, migration::Stays},
    messaging::ConnectionId,
    sandbox::{CallError, Instance, KeptRequest, Phase, StaysAwake},
};

/// The handlers don't allow a connection to move, or can't do it. The connection goes on
/// as before.
#[derive(Debug, Error)]
pub(in crate::connection) enum Refused {
    /// It could not go back.
    #[error("{0}, so that it could not go back")]
    StaysAwake(StaysAwake),
    /// `save` gave no state.
    #[error("its handler gives no state to other versions")]
    NoState,
    /// `save` failed.
    #[error("`save` {0}")]
    Save(CallError),
    /// There is no instance of the new version.
    #[error("the new version's instance {0}")]
    Start(CallError),
    /// `restore` failed.
    #[error("the new version's `restore` {0}")]
    Restore(CallError),
    /// `restore` gave an error.
    #[error("the new version refused it: {0}")]
    Error(String),
    /// `restore` gave options that are none.
    #[error("the new version's `restore` returned {0}")]
    Options(&'static str),
}

impl Guest {
    /// Moves the handler to another version. The handler's ledger, which lists the host's
    /// resources that it holds, moves too.
    ///
    /// # Errors
    /// It stays, from before `save` was called; or it is lost.
    pub(in crate::connection) async fn migrate(
        &mut self,
        from: &Shared,
        to: &Shared,
        id: ConnectionId,
        request: &KeptRequest,
    ) -> Result<Options, Stays> {
        let slept = !self.is_awake();
        self.wake(from, id, Patience::Limited).await?;
        let State::Awake(awake) = mem::replace(&mut self.state, State::Gone) else {
            return Err(WakeError::Gone.into());
        };
        let written_bytes = awake.written_bytes();
        let Awake { mut instance, slot, _counted, rest } = *awake;
        let rest = if slept { Some((Instant::now(), Hibernate::Asked)) } else { rest };
        background::enter_with(written_bytes).await;
        let before = match instance.hibernate().await {
            Ok(before) => before,
            Err(StaysAwake::Failed(error)) => {
                return Err(WakeError::Restore(error.into()).into());
            }
            Err(why) => {
                self.state = State::Awake(Box::new(Awake { instance, slot, _counted, rest }));
                return Err(Refused::StaysAwake(why).into());
            }
        };
        instance.ledger().phase = Phase::Init;
        let saved = instance.save_state().await;
        let mut ledger = instance.into_ledger();
        ledger.phase = Phase::Open;
        let moved = async {
            let state = saved.map_err(Refused::Save)?.ok_or(Refused::NoState)?;
            restore_state(from, to, id, request, &state).await
        };
        let (instance, outcome) = match moved.await {
            Ok((mut instance, options)) => {
                instance.take_over(ledger);
                (instance, Ok(options))
            }
            Err(refused) => {
                background::enter_with(before.len_bytes()).await;
                let back = from.plugin.template.restore(id, Some(ledger), &before).await;
                (back.map_err(WakeError::Restore)?, Err(refused.into()))
            }
        };
        self.state = State::Awake(Box::new(Awake { instance, slot, _counted, rest }));
        outcome
    }
}

/// An instance of the new version with a state of the old one.
async fn restore_state(
    from: &Shared,
    to: &Shared,
    id: ConnectionId,
    request: &KeptRequest,
    state: &[u8],
) -> Result<(Box<Instance>, Options), Refused> {
    let mut instance = to.plugin.template.instantiate(id).await.map_err(Refused::Start)?;
    let (lists, version) = (request.lists(), from.plugin.version());
    let restored = instance.restore_state(request.request(&lists), state, &version).await;
    let asked = restored.map_err(Refused::Restore)?.map_err(Refused::Error)?;
    let options = Options::new(&asked, &to.config).map_err(Refused::Options)?;
    Ok((instance, options))
}
