//! Reads the issuer of a certificate from its DER. Pure, and only for a message: the verifier
//! decides whether the certificate is valid.
//!
//! Only the fields up to the issuer are parsed (RFC 5280 §4.1); for an unexpected certificate there
//! is no issuer.

/// The longest part of a name that a message repeats, in characters.
const MAX_NAME: usize = 100;

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const UTF8_STRING: u8 = 0x0c;
const BMP_STRING: u8 = 0x1e;

/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// id-at-organizationName, 2.5.4.10.
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// The issuer of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Issuer {
    pub(crate) common_name: Option<String>,
    pub(crate) organization: Option<String>,
}

impl std::fmt::Display for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.common_name, &self.organization) {
            (Some(name), Some(organization)) if name != organization => {
                write!(f, "{name:?} of {organization:?}")
            }
            (Some(name), _) | (None, Some(name)) => write!(f, "{name:?}"),
            (None, None) => f.write_str("somebody without a name"),
        }
    }
}

/// The issuer of the certificate `der`.
pub(super) fn issuer(der: &[u8]) -> Option<Issuer> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (mut rest, _) = expect(certificate, SEQUENCE)?;
    if let Some((_, after)) = expect(rest, VERSION) {
        rest = after;
    }
    let (_, rest) = expect(rest, INTEGER)?;
    let (_, rest) = expect(rest, SEQUENCE)?;
    let (mut names, _) = expect(rest, SEQUENCE)?;

    let mut issuer = Issuer::default();
    while !names.is_empty() {
        let (mut set, after) = expect(names, SET)?;
        names = after;
        while !set.is_empty() {
            let (pair, after) = expect(set, SEQUENCE)?;
            set = after;
            let (kind, value) = expect(pair, OBJECT_IDENTIFIER)?;
            let (tag, value, _) = element(value)?;
            // The last of several is the most specific.
            match kind {
                COMMON_NAME => issuer.common_name = text(tag, value),
                ORGANIZATION => issuer.organization = text(tag, value),
                _ => {}
            }
        }
    }
    Some(issuer)
}

fn text(tag: u8, value: &[u8]) -> Option<String> {
    let text = match tag {
        UTF8_STRING => String::from_utf8_lossy(value).into_owned(),
        BMP_STRING => {
            let units = value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            String::from_utf16_lossy(&units.collect::<Vec<_>>())
        }
        _ => value.iter().map(|byte| char::from(*byte)).collect(),
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    (!text.is_empty()).then_some(text)
}

/// The content of the first element, if it has this tag, and what follows it.
fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(found, ..)| *found == tag).map(|(_, contents, rest)| (contents, rest))
}

/// The first element: tag, content, rest.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, DnValue, IsCa, Issuer as Signer, KeyPair,
    };

    use super::*;

    /// A certificate for `host`, signed by a CA with these names.
    fn signed_by(names: &[(DnType, DnValue)]) -> Vec<u8> {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in names {
            authority.distinguished_name.push(kind.clone(), value.clone());
        }
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signer = Signer::new(authority, KeyPair::generate().unwrap());
        let host = CertificateParams::new(["host.example".to_owned()]).unwrap();
        host.signed_by(&KeyPair::generate().unwrap(), &signer).unwrap().der().to_vec()
    }

    #[test]
    fn the_authority_is_named_not_the_host() {
        let names = [
            (DnType::CountryName, "JP".into()),
            (DnType::OrganizationName, DnValue::Utf8String("株式会社\u{7}例".into())),
            (DnType::CommonName, DnValue::PrintableString("Proxy CA".try_into().unwrap())),
        ];
        let issuer = issuer(&signed_by(&names)).unwrap();
        assert_eq!(issuer.to_string(), "\"Proxy CA\" of \"株式会社例\"");
    }

    #[test]
    fn a_name_of_two_byte_characters_is_read() {
        let name = DnValue::BmpString("検査".try_into().unwrap());
        let issuer = issuer(&signed_by(&[(DnType::CommonName, name)])).unwrap();
        assert_eq!(issuer.to_string(), "\"検査\"");
        let nobody = super::issuer(&signed_by(&[])).unwrap();
        assert_eq!(nobody.to_string(), "somebody without a name");
    }

    #[test]
    fn a_certificate_that_is_cut_has_no_issuer() {
        let whole = signed_by(&[(DnType::CommonName, "CA".into())]);
        for length in 0..whole.len() {
            assert_eq!(issuer(&whole[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(start in 0..400_usize, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut der = signed_by(&[(DnType::CommonName, "CA".into())]);
            let start = start.min(der.len() - 1);
            for (to, from) in der[start..].iter_mut().zip(&bytes) {
                *to = *from;
            }
            let _ = issuer(&der);
            let _ = issuer(&bytes);
        }
    }
}
