//! An operator's record that a final day may be delivered once more: who wrote it, when and why.

use log2aws_core::reopening::Reopening;

use super::content::{Content, Stored};
use crate::i18n::{Words, fill};
use crate::pages::layout::{Message, Severity};

/// A message about the newest record, also after a delivery has used it up.
pub(super) fn message(content: &Content, w: &Words) -> Option<Message> {
    let record = match &content.reopening {
        Ok(record) => record.as_ref()?,
        Err(why) => {
            let message = Message::new(Severity::Bad, w.reopening_unreadable);
            return Some(message.with_detail(why.as_str()));
        }
    };
    let is_unused = matches!(&content.summary, Stored::Read(summary)
        if summary.raw.version == record.version);
    let (severity, text) =
        if is_unused { (Severity::Warn, w.reopened) } else { (Severity::Note, w.reopened_used) };
    let text = fill(text, &[("by", &record.by), ("at", &record.at)]);
    Some(Message::new(severity, text).with_detail(record.why.as_str()))
}

/// A row for each record before that one.
pub(super) fn earlier_rows(content: &Content, w: &Words) -> Vec<(&'static str, String)> {
    let Ok(Some(Reopening { earlier, .. })) = &content.reopening else { return Vec::new() };
    let row = |record: &Reopening| {
        (w.reopened_earlier, [&*record.at, &*record.by, &*record.why].join(" · "))
    };
    earlier.iter().map(row).collect()
}
