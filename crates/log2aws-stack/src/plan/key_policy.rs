//! The policy that a KMS key needs, ready to paste.

use log2aws_ssm::service_host::partition;
use serde_json::{Value, json};

use crate::template::{Scope, TemplateError};

/// The policy of the key that the parameters name; `None` without one. The account is that of the
/// key.
///
/// The statement for the account is the one of the default policy, which lets IAM decide: it covers
/// both functions, whose calls by way of S3 and SQS are made with their roles.
///
/// Source: CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS KMS"; SNS
/// Developer Guide, "Managing Amazon SNS encryption keys and costs", about CloudWatch alarms; KMS
/// Developer Guide, "Default key policy".
pub(super) fn key_policy(scope: &Scope<'_>, region: &str) -> Result<Option<Value>, TemplateError> {
    let key = scope.value("KmsKeyArn").unwrap_or_default();
    let Some(account) = key.split(':').nth(4).filter(|account| !account.is_empty()) else {
        return Ok(None);
    };
    let aws = partition(region);
    let (name, domain) = (aws.name, aws.domain);
    let mut groups = Vec::new();
    for id in ["GenerateUrlLog", "AnalyzeLogLog"] {
        let group = scope.name_of(id)?.unwrap_or_default();
        groups.push(format!("arn:{name}:logs:{region}:{account}:log-group:{group}"));
    }
    let mut statements = vec![
        json!({
            "Sid": "IamDecides",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{name}:iam::{account}:root")},
            "Action": "kms:*",
            "Resource": "*",
        }),
        json!({
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": {"Service": format!("logs.{region}.{domain}")},
            "Action": [
                "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"
            ],
            "Resource": "*",
            "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": groups}},
        }),
    ];
    if scope.value("AlarmTopicArn").is_some_and(|topic| !topic.is_empty()) {
        let env = scope.value("Env").unwrap_or_default();
        let alarms = format!("arn:{name}:cloudwatch:{region}:{account}:alarm:log2aws-{env}-*");
        statements.push(json!({
            "Sid": "AlarmTopicWithThisKey",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {
                "ArnLike": {"aws:SourceArn": alarms},
                "StringEquals": {"aws:SourceAccount": account},
            },
        }));
    }
    Ok(Some(json!({"Version": "2012-10-17", "Statement": statements})))
}
