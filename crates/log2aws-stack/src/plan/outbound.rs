//! What leaves the account, and to whom.

use crate::template::Scope;

/// One sentence for each way out, with the parameters that open it.
pub(super) fn all(scope: &Scope<'_>) -> Vec<String> {
    let given = |name: &str| scope.value(name).filter(|value| !value.is_empty());
    let mut ways = vec![
        "to who may request URLs: a URL for one PUT of one day, good for 300 s; nothing can be read \
         through it"
            .to_owned(),
    ];
    ways.push(match given("AlarmTopicArn") {
        Some(topic) => format!("to {topic}: names, states and descriptions of the alarms, no logs"),
        None => "no alarm is sent anywhere: AlarmTopicArn is empty".to_owned(),
    });
    if let Some(key) = given("KmsKeyArn") {
        ways.push(format!("to KMS, for {key}: requests for keys, no logs"));
    }
    ways.push(
        "both functions call S3, Parameter Store and CloudWatch Logs of this region, Lambda sends \
         failed events to the queue, and nothing is reported to anybody else"
            .to_owned(),
    );
    ways
}
