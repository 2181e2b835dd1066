//! The rules of access, each with the request that breaks it.

use super::*;

const SCOPE: &str = "LOG2AAAAAAAAAAAAAAAA/20190801/us-east-1/s3/aws4_request";

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn url(expires: &str, signed: &str, scope: &str) -> String {
    format!(
        "/serverlogs-local/web01/2019-08-01.log?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential={scope}&X-Amz-Date=20190801T000000Z&X-Amz-Expires={expires}\
         &X-Amz-SignedHeaders={signed}&X-Amz-Signature=00"
    )
}

fn message(result: S3Result<SignatureLocation>) -> String {
    result.unwrap_err().message().unwrap_or_default().to_owned()
}

const PUT: [(&str, &str); 2] = [("host", "h"), ("content-length", "3")];

#[test]
fn a_presigned_put_passes() {
    let mut good = parts("PUT", &url("300", "host", SCOPE), &PUT);
    assert_eq!(check_signature_headers(&mut good).unwrap(), SignatureLocation::Query);
    let signed = url("300", "content-length%3Bhost", SCOPE);
    assert_eq!(
        check_signature_headers(&mut parts("PUT", &signed, &PUT)).unwrap(),
        SignatureLocation::Query
    );
}

#[test]
fn an_unsigned_amz_header_is_refused_by_name() {
    for header in ["x-amz-copy-source", "x-amz-meta-a", "x-amz-acl", "X-Amz-Server-Side-Encryption"]
    {
        let headers = [PUT[0], PUT[1], (header, "v")];
        let text = message(check_signature_headers(&mut parts(
            "PUT",
            &url("300", "host", SCOPE),
            &headers,
        )));
        assert_eq!(text, format!("the header {} must be signed", header.to_lowercase()));

        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=00");
        let headers = [PUT[0], PUT[1], (header, "v"), ("authorization", authorization.as_str())];
        let text = message(check_signature_headers(&mut parts("PUT", "/b/k", &headers)));
        assert_eq!(text, format!("the header {} must be signed", header.to_lowercase()));
    }
    let hashed = [PUT[0], PUT[1], ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")];
    assert!(
        check_signature_headers(&mut parts("PUT", &url("300", "host", SCOPE), &hashed)).is_ok()
    );
}

#[test]
fn what_is_signed_must_be_sent_and_host_must_be_signed() {
    let long = url("300", "host%3Bx-amz-meta-a", SCOPE);
    assert!(
        message(check_signature_headers(&mut parts("PUT", &long, &PUT))).contains("was not sent")
    );
    let none = url("300", "content-length", SCOPE);
    assert!(
        message(check_signature_headers(&mut parts("PUT", &none, &PUT))).contains("Host header")
    );
}

/// s3s computes with the characters of a date before it looks whether they are digits.
#[test]
fn a_date_with_anything_but_digits_is_refused_before_s3s_reads_it() {
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host;x-amz-date, Signature=00");
    for date in ["20190801T000/00Z", "20190801T000000", "2019-08-01T00:00:00Z", ""] {
        let wrong = url("300", "host", SCOPE).replace("20190801T000000Z", date);
        let text = message(check_signature_headers(&mut parts("PUT", &wrong, &PUT)));
        assert_eq!(text, "the date of the signature must read YYYYMMDDTHHMMSSZ", "{date}");
        let headers =
            [PUT[0], PUT[1], ("x-amz-date", date), ("authorization", authorization.as_str())];
        let text = message(check_signature_headers(&mut parts("PUT", "/b/k", &headers)));
        assert_eq!(text, "the date of the signature must read YYYYMMDDTHHMMSSZ", "{date}");
    }
}

#[test]
fn a_query_longer_than_any_that_is_signed_is_refused() {
    let long = format!("{}&x={}", url("300", "host", SCOPE), "a".repeat(MAX_QUERY));
    let text = message(check_signature_headers(&mut parts("PUT", &long, &PUT)));
    assert_eq!(text, "the query has more than 16384 bytes");
}

#[test]
fn lives_are_bounded() {
    for expires in ["0", "604801", "-1", "", "99999999999", "3e2"] {
        let text =
            message(check_signature_headers(&mut parts("PUT", &url(expires, "host", SCOPE), &PUT)));
        assert!(text.contains("X-Amz-Expires"), "{expires}: {text}");
    }
    assert!(
        check_signature_headers(&mut parts("GET", &url("604800", "host", SCOPE), &PUT)).is_ok()
    );
}

#[test]
fn any_region_but_s3_alone() {
    for good in ["eu-central-1", "local", "auto", "garage"] {
        let scope = format!("KEY/20190801/{good}/s3/aws4_request");
        assert!(
            check_signature_headers(&mut parts("PUT", &url("300", "host", &scope), &PUT)).is_ok()
        );
    }
    for bad in [
        "KEY/20190801/us-east-1/sts/aws4_request",
        "KEY/20190801//s3/aws4_request",
        "KEY/2019081/us-east-1/s3/aws4_request",
        "KEY/20190801/us-east-1/s3/aws5_request",
        "us-east-1/s3/aws4_request",
        "",
    ] {
        let text =
            message(check_signature_headers(&mut parts("PUT", &url("300", "host", bad), &PUT)));
        assert!(text.contains("credential"), "{bad}: {text}");
    }
}

#[test]
fn other_signatures_and_none_are_refused() {
    let good = url("300", "host", SCOPE);
    for (method, uri, extra) in [
        ("PUT", "/b/k", None),
        ("PUT", "/b/k?x-amz-signature=00", None),
        ("GET", "/b/k?AWSAccessKeyId=A&Signature=B&Expires=1", None),
        ("PUT", "/b/k", Some("AWS KEY:c2ln")),
        ("PUT", "/b/k", Some("Bearer token")),
        ("PUT", "/b/k", Some("AWS4-HMAC-SHA256 nonsense")),
        ("PUT", good.as_str(), Some("AWS4-HMAC-SHA256 nonsense")),
        ("PUT", &format!("{good}&X-Amz-Signature=01"), None),
        ("PUT", &format!("{good}&Signature=01"), None),
        ("DELETE", good.as_str(), None),
        ("POST", good.as_str(), None),
    ] {
        let mut headers = PUT.to_vec();
        headers.extend(extra.map(|value| ("authorization", value)));
        assert!(
            check_signature_headers(&mut parts(method, uri, &headers)).is_err(),
            "{method} {uri} {extra:?}"
        );
    }
}

#[test]
fn a_body_needs_a_length_and_a_form_is_no_body() {
    let good = url("300", "host", SCOPE);
    assert_eq!(
        check_signature_headers(&mut parts("PUT", &good, &PUT[..1])).unwrap_err().code(),
        &S3ErrorCode::MissingContentLength
    );
    let form = [PUT[0], ("content-type", "Multipart/Form-Data; boundary=x")];
    assert_eq!(
        check_signature_headers(&mut parts("POST", &good, &form)).unwrap_err().code(),
        &S3ErrorCode::NotImplemented
    );
}
