//! Removes the query of a URL from a path or key: a client that encodes the `?` sends its signature
//! as a part of the path.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// How often a text may be percent-encoded. A text that is encoded more often is cut at its first `%`.
const MAX_DECODINGS: usize = 4;

/// Names of parameters that belong to a signature, in lower case.
const SIGNATURE_PARAMETERS: [&str; 3] = ["x-amz-", "awsaccesskeyid", "signature"];

/// The text up to where a query begins, in whatever case and encoding, followed by `…`. Returns the
/// unchanged text if it contains none.
pub(crate) fn redacted(text: &str) -> Cow<'_, str> {
    let mut decoded = Cow::Borrowed(text);
    for _ in 0..=MAX_DECODINGS {
        let next = percent_decode_str(&decoded).decode_utf8_lossy();
        if next == decoded {
            let begin = query_begin(&decoded);
            return begin.map_or(Cow::Borrowed(text), |at| format!("{}…", &decoded[..at]).into());
        }
        decoded = Cow::Owned(next.into_owned());
    }
    Cow::Owned(format!("{}…", text.split('%').next().unwrap_or_default()))
}

/// Where parameters begin: after a `?` that a `=` follows, or at a parameter of a signature. Takes
/// time linear in the length of the text.
fn query_begin(text: &str) -> Option<usize> {
    let question = text.find('?').filter(|at| text[*at..].contains('=')).map(|at| at + 1);
    let lower = text.to_ascii_lowercase();
    let mut from = 0;
    let parameter = lower.match_indices('=').find_map(|(at, _)| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name = lower[from..at].rsplit(|c| !is_name(c)).next().unwrap_or_default();
        from = at + 1;
        let is_secret = SIGNATURE_PARAMETERS.iter().any(|known| name.contains(known));
        is_secret.then(|| at - name.len())
    });
    question.into_iter().chain(parameter).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_in_any_encoding_is_cut_off() {
        for (text, shown) in [
            ("b/k?X-Amz-Signature=c0ffee", "b/k?…"),
            ("b/k%3Fx-amz-signature=c0ffee", "b/k?…"),
            ("b/k%3fX%2DAmz%2DSignature%3Dc0ffee", "b/k?…"),
            ("b/k%253FX%252DAmz-Signature%253Dc0ffee", "b/k?…"),
            ("b/k&X-Amz-Signature=c0ffee", "b/k&…"),
            ("b/X-Amz-Signature=c0ffee", "b/…"),
            ("b/k%26Signature=c0ffee&AWSAccessKeyId=x", "b/k&…"),
            ("b/%FF?once=c0ffee", "b/\u{fffd}?…"),
            ("b/k%25252525252525253FX-Amz-Signature%252525252525253Dc0ffee", "b/k…"),
        ] {
            assert_eq!(redacted(text), shown, "{text}");
        }
    }

    #[test]
    fn a_key_without_a_query_is_kept() {
        for text in ["X-Amz-/web09/2026-11-29.csv", "a?b", "a=b&c", "100%", "a%20b%ff", "", "日?"]
        {
            assert_eq!(redacted(text), text);
        }
    }
}
