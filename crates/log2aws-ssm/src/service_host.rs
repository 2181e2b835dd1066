//! Host names of AWS services.

/// The host of a service in a region. China's regions have a domain of their own.
///
/// Source: AWS General Reference, "Service endpoints and quotas".
pub fn service_host(service: &str, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("{service}.{region}.{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn china_is_elsewhere() {
        assert_eq!(service_host("ssm", "ap-northeast-1"), "ssm.ap-northeast-1.amazonaws.com");
        assert_eq!(service_host("ssm", "cn-north-1"), "ssm.cn-north-1.amazonaws.com.cn");
    }
}
