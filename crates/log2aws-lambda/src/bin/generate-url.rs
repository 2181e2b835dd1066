//! generate-url on AWS Lambda: returns a presigned URL to a server that calls API Gateway.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_http::Error;
use log2aws_lambda::front;
use log2aws_lambda::function::{Function, end};
use log2aws_lambda::object_reader::{self, S3Reader};
use log2aws_service::http::{REGISTRY_HOLD, UrlApp, UrlKeys, UrlLimits, router};
use log2aws_service::ports::ObjectReader;
use log2aws_ssm::https_agent;

fn main() -> ExitCode {
    end(run())
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn run() -> Result<(), Error> {
    let function = Function::begin()?;
    let signer = function.environment.signer()?;
    let objects: Arc<dyn ObjectReader> = Arc::new(S3Reader {
        signer: signer.clone(),
        agent: https_agent(function.roots()?, object_reader::TIMEOUT),
        clock: Arc::clone(&function.clock),
    });
    let router = router(UrlApp {
        signer: Arc::new(signer),
        settings: Arc::clone(&function.settings) as _,
        clock: Arc::clone(&function.clock),
        days: function.environment.days,
        keys: Arc::new(UrlKeys::new(
            objects.clone(),
            Arc::clone(&function.clock),
            random,
            function.environment.require_keys,
            REGISTRY_HOLD,
        )),
        objects,
        limits: UrlLimits::default(),
        store_id: function.environment.store_id()?,
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lambda_runtime::run(front::service(function, router)))
}
