//! AWS's prices, and their sources.

/// The unit prices of one region in US dollars, first tier, without taxes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prices {
    /// A request to a REST API.
    pub(super) api_request: f64,
    pub(super) lambda_request: f64,
    pub(super) lambda_x86_gb_second: f64,
    pub(super) lambda_arm_gb_second: f64,
    /// PUT, COPY, POST, LIST.
    pub(super) s3_put: f64,
    /// GET, HEAD and all others.
    pub(super) s3_get: f64,
    /// Standard.
    pub(super) s3_gb_month: f64,
    pub(super) log_gb: f64,
    pub(super) log_gb_month: f64,
    pub(super) metric_month: f64,
    /// Standard resolution.
    pub(super) alarm_month: f64,
    /// To the internet.
    pub(super) out_gb: f64,
}

/// The prices on AWS's pages: aws.amazon.com/{api-gateway,lambda,s3,cloudwatch}/pricing, and
/// aws.amazon.com/ec2/pricing/on-demand for data transfer.
///
/// Others read the figures from AWS's Price List API and published them; we have not read it
/// ourselves. Asia Pacific (Tokyo): API Gateway, Lambda, S3 and data transfer as of 2026-09-05,
/// CloudWatch as of 2026-09-23.
const TOKYO: Prices = Prices {
    api_request: 0.000_004_25,
    lambda_request: 0.000_000_2,
    lambda_x86_gb_second: 0.000_016_666_7,
    lambda_arm_gb_second: 0.000_013_333_4,
    s3_put: 0.000_004_7,
    s3_get: 0.000_000_37,
    s3_gb_month: 0.025,
    log_gb: 0.76,
    log_gb_month: 0.033,
    metric_month: 0.30,
    alarm_month: 0.10,
    out_gb: 0.114,
};

/// US East (N. Virginia): API Gateway and S3 as of 2026-10-08, Lambda on x86 and CloudWatch as of
/// 2026-09-21. Not checked against a dated price list: Lambda on arm64, the storage of CloudWatch
/// Logs, and data transfer.
const VIRGINIA: Prices = Prices {
    api_request: 0.000_003_5,
    lambda_request: 0.000_000_2,
    lambda_x86_gb_second: 0.000_016_666_7,
    lambda_arm_gb_second: 0.000_013_333_4,
    s3_put: 0.000_005,
    s3_get: 0.000_000_4,
    s3_gb_month: 0.023,
    log_gb: 0.50,
    log_gb_month: 0.03,
    metric_month: 0.30,
    alarm_month: 0.10,
    out_gb: 0.09,
};

pub(super) const PRICES: [(&str, Prices); 2] = [("ap-northeast-1", TOKYO), ("us-east-1", VIRGINIA)];

/// The dates of the oldest and of the newest dated price. A plan prints both: a table ages.
pub(super) const AS_OF: [&str; 2] = ["2026-09-05", "2026-10-08"];

/// The prices of a region, or for an unknown region the highest known price of each item.
pub(super) fn of(region: &str) -> (Prices, bool) {
    if let Some((_, prices)) = PRICES.iter().find(|(known, _)| *known == region) {
        return (*prices, true);
    }
    let (a, b) = (TOKYO, VIRGINIA);
    let dearest = Prices {
        api_request: a.api_request.max(b.api_request),
        lambda_request: a.lambda_request.max(b.lambda_request),
        lambda_x86_gb_second: a.lambda_x86_gb_second.max(b.lambda_x86_gb_second),
        lambda_arm_gb_second: a.lambda_arm_gb_second.max(b.lambda_arm_gb_second),
        s3_put: a.s3_put.max(b.s3_put),
        s3_get: a.s3_get.max(b.s3_get),
        s3_gb_month: a.s3_gb_month.max(b.s3_gb_month),
        log_gb: a.log_gb.max(b.log_gb),
        log_gb_month: a.log_gb_month.max(b.log_gb_month),
        metric_month: a.metric_month.max(b.metric_month),
        alarm_month: a.alarm_month.max(b.alarm_month),
        out_gb: a.out_gb.max(b.out_gb),
    };
    (dearest, false)
}
