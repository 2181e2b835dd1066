//! The audit line of one request, written once, when all work on the request has ended.
//!
//! A client may disconnect before its response while a thread still commits its object. So the
//! record is shared by everything that works on the request, and written when the last reference
//! is dropped.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::response::Response;

use super::classify::{complete, set_key};
use super::{AuditEvent, AuditLog};

/// The event of one request: an extension of the request. All clones share it.
#[derive(Clone)]
pub(crate) struct AuditRecord(Arc<Pending>);

struct Pending {
    log: Arc<AuditLog>,
    state: Mutex<State>,
}

struct State {
    /// `None` if it turned out not to be an event, or if other lines were written instead.
    event: Option<AuditEvent>,
    is_answered: bool,
}

impl AuditRecord {
    /// Begins the record of a request.
    pub(super) fn new(log: Arc<AuditLog>, event: AuditEvent) -> Self {
        log.open_record();
        let state = State { event: Some(event), is_answered: false };
        Self(Arc::new(Pending { log, state: Mutex::new(state) }))
    }

    /// Sets the address of the client.
    pub(crate) fn set_client_ip(&self, source: IpAddr) {
        self.change(|event| event.client_ip = Some(source));
    }

    /// Notes that an object was stored, which is true even if the client never gets the response.
    pub(crate) fn stored(&self, version: Option<String>, bytes: u64) {
        self.change(|event| {
            event.version = version;
            event.bytes = Some(bytes);
            event.status.get_or_insert(200);
        });
    }

    /// Notes that an object was deleted or did not exist, which is true even if the client never
    /// gets the response.
    pub(crate) fn deleted(&self) {
        self.change(|event| {
            event.status.get_or_insert(204);
        });
    }

    /// Notes a failure after the response had begun.
    pub(crate) fn failed_late(&self, reason: &str) {
        self.change(|event| {
            event.reason.get_or_insert_with(|| reason.to_owned());
        });
    }

    /// Writes a line for one of the objects that a request deletes, instead of one for the request.
    pub(crate) fn deleted_one(&self, key: &str, refused: Option<&str>) {
        let Some(mut event) = self.state().event.clone() else { return };
        event.event = "delete".into();
        set_key(&mut event, key);
        event.status = Some(if refused.is_some() { 403 } else { 204 });
        event.reason = refused.map(str::to_owned);
        event.time = self.0.log.now();
        self.0.log.record(&event);
    }

    /// Suppresses the request's own line: each of its objects had one.
    pub(crate) fn skip(&self) {
        self.state().event = None;
    }

    /// Adds the fields known from the response.
    pub(super) fn answered(&self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        let mut state = self.state();
        state.is_answered = true;
        if let Some(event) = &mut state.event
            && !complete(event, &parts)
        {
            state.event = None;
        }
        drop(state);
        Response::from_parts(parts, body)
    }

    fn change(&self, change: impl FnOnce(&mut AuditEvent)) {
        if let Some(event) = &mut self.state().event {
            change(event);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = &mut state.event {
            if !state.is_answered {
                event.reason.get_or_insert_with(|| self.log.reason_of_end().to_owned());
            }
            event.time = self.log.now();
        }
        self.log.close_record(state.event.as_ref());
    }
}
