//! A receipt proves that a delivery is in the log: <https://c2sp.org/tlog-proof>, with the entry as
//! its extra data.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;

use crate::checkpoint::{SignedCheckpoint, SignedCheckpointError, parse_number};
use crate::delivery::{Delivery, DeliveryError};
use crate::hash::Hash;
use crate::merkle::{self, MAX_PROOF, ProofError};
use crate::note::{MAX_NOTE, NoteError, VerifierKey};

/// The first line of a receipt.
const FORMAT: &str = "c2sp.org/tlog-proof@v1";

/// The longest receipt that is read, in bytes.
pub const MAX_RECEIPT: usize = MAX_NOTE + 16 * 1024;

/// An entry of the log, its place, and the way from it to a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The entry.
    pub delivery: Delivery,
    /// Its place in the log.
    pub index: u64,
    /// The hashes from the entry to the root.
    pub proof: Vec<Hash>,
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
}

/// Why bytes are no receipt, or prove nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// They are no proof.
    #[error("it is no receipt: {0}")]
    Form(&'static str),
    /// The extra data are no entry.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The checkpoint cannot be used.
    #[error("the checkpoint of the receipt: {0}")]
    Checkpoint(#[from] SignedCheckpointError),
    /// The hashes do not lead from the entry to the checkpoint.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A witness has not cosigned it.
    #[error("the witness {0} has not cosigned it")]
    NotCosigned(String),
    /// The cosignature of a witness is wrong.
    #[error(transparent)]
    Cosignature(#[from] NoteError),
}

impl Receipt {
    /// Parses a receipt, without checking it.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let form = ReceiptError::Form;
        if bytes.len() > MAX_RECEIPT {
            return Err(form("it is too long"));
        }
        let text = str::from_utf8(bytes).map_err(|_| form("it is not UTF-8"))?;
        let (head, note) = text.split_once("\n\n").ok_or(form("it has no checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FORMAT) {
            return Err(form("it does not begin with c2sp.org/tlog-proof@v1"));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra = extra.and_then(|extra| BASE64_STANDARD.decode(extra).ok());
        let delivery = Delivery::parse(&extra.ok_or(form("it has no entry"))?)?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(parse_number).ok_or(form("it has no index"))?;
        let mut proof = Vec::new();
        for line in lines {
            proof.push(Hash::parse(line).ok_or(form("a line of the proof is no hash"))?);
            if proof.len() > MAX_PROOF {
                return Err(form("the proof is too long"));
            }
        }
        let checkpoint = SignedCheckpoint::parse(note.as_bytes())?;
        Ok(Self { delivery, index, proof, checkpoint })
    }

    /// Checks that the log with one of these keys contains the delivery, and that every one of
    /// `witnesses` has cosigned that. Returns when they did.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn check(
        &self,
        keys: &[VerifierKey],
        witnesses: &[VerifierKey],
    ) -> Result<Vec<Timestamp>, ReceiptError> {
        self.checkpoint.verify(keys)?;
        let leaf = Hash::of_leaf(&self.delivery.to_bytes());
        let head = self.checkpoint.checkpoint();
        merkle::check_inclusion(&leaf, self.index, head.size, &head.root, &self.proof)?;
        let at = |witness: &VerifierKey| {
            let at = self.checkpoint.note().cosigned_at(witness)?;
            at.ok_or_else(|| ReceiptError::NotCosigned(witness.name().to_owned()))
        };
        witnesses.iter().map(at).collect()
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = BASE64_STANDARD.encode(self.delivery.to_bytes());
        write!(f, "{FORMAT}\nextra {entry}\nindex {}\n", self.index)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
