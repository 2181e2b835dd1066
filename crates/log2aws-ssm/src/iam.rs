//! IAM: what a role may do, asked of AWS's own evaluation.

use jiff::Timestamp;
use url::form_urlencoded::Serializer;

use crate::service::{Kind, Place, RequestError, Service};
use aws_credential_types::Credentials;

/// A page of an answer has some kilobytes for each decision.
const KIND: Kind = Kind {
    scope: "iam",
    name: "IAM",
    content_type: "application/x-www-form-urlencoded; charset=utf-8",
    max_answer: 4 << 20,
};

/// IAM of a partition.
#[derive(Clone, Debug)]
pub struct Iam(Service);

/// What is simulated: each action on each resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulation {
    /// The ARN of the role.
    pub role: String,
    /// The actions, e.g. `s3:GetObject`.
    pub actions: Vec<String>,
    /// The ARNs of the resources.
    pub resources: Vec<String>,
    /// Condition keys of type string that the request has, with their values.
    pub context: Vec<(String, Vec<String>)>,
}

impl Iam {
    /// A client. It opens no connection yet. It uses the proxy from the environment.
    pub fn new(place: Place, region: &str, credentials: Credentials) -> Self {
        Self(Service::new(KIND, place, region, credentials))
    }

    /// A page of the answer of `SimulatePrincipalPolicy`, as XML: the first one, or the one for the
    /// `marker` of the page before. Blocks.
    ///
    /// # Errors
    /// [`RequestError`]; for a transient error, after the last attempt.
    pub fn simulate(
        &self,
        simulation: &Simulation,
        marker: Option<&str>,
        now: Timestamp,
    ) -> Result<String, RequestError> {
        let answer = self.0.send_form(&form(simulation, marker), now)?;
        String::from_utf8(answer).map_err(|_| self.0.strange())
    }
}

/// The request in the query protocol.
fn form(simulation: &Simulation, marker: Option<&str>) -> String {
    let Simulation { role, actions, resources, context } = simulation;
    let mut form = Serializer::new(String::new());
    form.append_pair("Action", "SimulatePrincipalPolicy").append_pair("Version", "2010-05-08");
    form.append_pair("PolicySourceArn", role);
    for (list, values) in [("ActionNames", actions), ("ResourceArns", resources)] {
        for (value, number) in values.iter().zip(1..) {
            form.append_pair(&format!("{list}.member.{number}"), value);
        }
    }
    for ((key, values), number) in context.iter().zip(1..) {
        let entry = format!("ContextEntries.member.{number}");
        form.append_pair(&format!("{entry}.ContextKeyName"), key);
        let kind = if values.len() == 1 { "string" } else { "stringList" };
        form.append_pair(&format!("{entry}.ContextKeyType"), kind);
        for (value, number) in values.iter().zip(1..) {
            form.append_pair(&format!("{entry}.ContextKeyValues.member.{number}"), value);
        }
    }
    if let Some(marker) = marker {
        form.append_pair("Marker", marker);
    }
    form.finish()
}
