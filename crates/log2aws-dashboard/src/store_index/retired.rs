//! The records of retired servers, read with each refresh if they changed.

use std::collections::BTreeSet;

use log2aws_core::error_chain::ErrorChain;
use log2aws_core::key::ObjectKey;
use log2aws_core::reopening::RECORDS_PREFIX;
use log2aws_core::retired::{KEY, MAX_BYTES, Retired, Retirement};
use log2aws_core::server_name::ServerName;
use log2aws_service::ports::StoreError;

use super::read::{open, read_to_end};
use super::{Inner, StoreIndex};
use crate::index::Tag;

/// What is known of the object with the records.
#[derive(Debug, Default)]
pub(super) struct RetiredState {
    /// The object that was read last; `None` if there was none.
    tag: Option<Tag>,
    /// Why that object is not understood. Then every server is expected.
    damaged: Option<String>,
    /// Why the store did not return it. Then the records that were read last hold.
    unread: Option<String>,
}

impl RetiredState {
    /// Why the records are not known, or may have changed.
    pub(super) fn fault(&self) -> Option<String> {
        let why = self.unread.as_ref().or(self.damaged.as_ref())?;
        Some(format!("{KEY}: {why}"))
    }
}

impl StoreIndex {
    /// The record with which a server is retired, also if its first day is yet to come.
    pub fn retirement(&self, server: &ServerName) -> Option<Retirement> {
        self.inner.index().retired().of(server).cloned()
    }

    /// Reads the records of retired servers if they changed. Why they could not be read is in
    /// [`Progress::retired_fault`](super::Progress::retired_fault).
    pub fn refresh_retired(&self) {
        self.inner.load_retired();
        self.inner.notify();
    }
}

impl Inner {
    /// The same as a part of a refresh that found these folders. Where no operator has set anything,
    /// it sends no request.
    pub(super) fn load_retired_if_any(&self, folders: &BTreeSet<String>) {
        if folders.contains(RECORDS_PREFIX) {
            self.load_retired();
        } else {
            self.take_retired(RetiredState::default(), Retired::default());
        }
    }

    fn load_retired(&self) {
        let known = self.state().retired.tag;
        match self.read_retired(known) {
            Ok(Read::Unchanged) => self.state().retired.unread = None,
            Ok(Read::Absent) => self.take_retired(RetiredState::default(), Retired::default()),
            Ok(Read::Changed(tag, bytes)) => {
                let (retired, damaged) = match Retired::parse(&bytes) {
                    Ok(retired) => (retired, None),
                    Err(error) => (Retired::default(), Some(ErrorChain(&error).to_string())),
                };
                let state = RetiredState { tag: Some(tag), damaged, unread: None };
                self.take_retired(state, retired);
            }
            Err(error) => {
                self.state().retired.unread = Some(ErrorChain(&error).to_string());
                self.changed();
            }
        }
    }

    fn take_retired(&self, state: RetiredState, retired: Retired) {
        self.state().retired = state;
        let mut index = self.index_mut();
        if *index.retired() != retired {
            index.set_retired(retired);
            drop(index);
            self.changed();
        }
    }

    fn read_retired(&self, known: Option<Tag>) -> Result<Read, StoreError> {
        let (lister, bucket) = (&*self.config.lister, &self.config.analyzed);
        let what = || format!("reading {bucket}/{KEY}");
        let key: ObjectKey = KEY.parse().map_err(|error| StoreError::Failed {
            what: what(),
            source: std::io::Error::other(error),
        })?;
        let Some(version) = lister.head(bucket, &key)? else { return Ok(Read::Absent) };
        let tag = Tag::of(&version.e_tag);
        if known == Some(tag) {
            return Ok(Read::Unchanged);
        }
        let Some(opened) = open(lister, bucket, &key)? else { return Ok(Read::Absent) };
        Ok(Read::Changed(tag, read_to_end(opened, MAX_BYTES, what())?))
    }
}

enum Read {
    Absent,
    Unchanged,
    Changed(Tag, Vec<u8>),
}
