//! The policy of a bucket that outlives its stack. CloudFormation deletes the stack's own policies,
//! which name its role and its networks; what stays behind still requires TLS and takes no PUT by
//! URL.
//!
//! CloudFormation does not replace an existing policy ("The bucket policy already exists on bucket",
//! aws-cloudformation/cloudformation-coverage-roadmap issue 1068), so the next deploy removes it
//! before CloudFormation creates its own.

use serde_json::{Value, json};

use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::watch::Session;

/// The policy that a kept bucket gets.
fn policy(bucket: &str, partition: &str) -> Value {
    let arn = format!("arn:{partition}:s3:::{bucket}");
    let objects = format!("{arn}/*");
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, objects],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                "Sid": "NoPutByUrlWithoutStack",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": objects,
                "Condition": {"StringEquals": {"s3:authType": "REST-QUERY-STRING"}},
            },
        ],
    })
}

/// The partition in the caller's own ARN.
fn partition(identity: &str) -> &str {
    identity.split(':').nth(1).unwrap_or("aws")
}

/// Gives a kept bucket its policy. A failure is printed, because the stack is gone already.
pub(crate) async fn leave<C: Console>(
    session: &mut Session<'_, C>,
    bucket: &str,
) -> Result<(), StackError> {
    let (s3, account) = (&session.cloud.s3, &session.cloud.account);
    let text = policy(bucket, partition(&session.cloud.identity)).to_string();
    let put = s3.put_bucket_policy().bucket(bucket).policy(text).expected_bucket_owner(account);
    let line = match put.send().await {
        Ok(_) => format!("{bucket}: only takes requests over TLS, and no PUT by URL"),
        Err(error) => {
            let fault = fault::call(format!("setting the policy of {bucket}"), &error);
            format!("warning: {bucket} has no policy now, so TLS is not required: {fault}")
        }
    };
    session.console.line(&line)?;
    Ok(())
}

/// Removes the policy of a kept bucket, if [`leave`] has set it.
///
/// # Errors
/// [`StackError::State`] if it has another policy, which is not removed.
pub(crate) async fn take_away<C>(session: &Session<'_, C>, bucket: &str) -> Result<(), StackError> {
    let (s3, account) = (&session.cloud.s3, &session.cloud.account);
    let get = s3.get_bucket_policy().bucket(bucket).expected_bucket_owner(account);
    let found = match get.send().await {
        Ok(answer) => answer.policy.unwrap_or_default(),
        Err(error) => {
            let fault = fault::call(format!("reading the policy of {bucket}"), &error);
            let none = fault.code.as_deref() == Some("NoSuchBucketPolicy");
            return if none { Ok(()) } else { Err(fault.into()) };
        }
    };
    let ours = policy(bucket, partition(&session.cloud.identity));
    if serde_json::from_str::<Value>(&found).ok() != Some(ours) {
        return Err(StackError::State(format!(
            "the bucket {bucket} has a policy that log2aws did not leave, and CloudFormation does \
             not replace it; look at it (aws s3api get-bucket-policy --bucket {bucket}), remove it \
             by aws s3api delete-bucket-policy, and deploy again"
        )));
    }
    let delete = s3.delete_bucket_policy().bucket(bucket).expected_bucket_owner(account);
    let done = delete.send().await;
    done.map_err(|error| fault::call(format!("removing the policy of {bucket}"), &error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_that_stays_names_no_role_and_no_network() {
        let text = policy("serverlogs-dev-1-cn-north-1", "aws-cn").to_string();
        assert!(text.contains("arn:aws-cn:s3:::serverlogs-dev-1-cn-north-1/*"));
        assert!(!text.contains(":iam:") && !text.contains("SourceIp"), "{text}");
        assert_eq!(partition("arn:aws-cn:iam::111122223333:user/operator"), "aws-cn");
    }
}
