// The example of docs/aws.md. `npm ci && node app.mjs` synthesises it into cdk.out without an account;
// `npx cdk deploy --app "node app.mjs"` deploys it. The zips have to be in the bucket before.

import { App, Stack, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks, NIST80053R5Checks, PCIDSS321Checks } from "cdk-nag";

import { Log2aws } from "./log2aws.mjs";

const app = new App();
for (const Pack of [AwsSolutionsChecks, NIST80053R5Checks, PCIDSS321Checks]) {
  Validations.of(app).addPlugins(new Pack(app));
}
const stack = new Stack(app, "log2aws-dev", {
  env: { region: process.env.AWS_REGION ?? "ap-northeast-1" },
});
const log2aws = new Log2aws(stack, "Log2aws", JSON.parse(process.env.LOG2AWS_PARAMETERS ?? "{}"));
if (process.env.LOG2AWS_ACKNOWLEDGE !== "no") {
  log2aws.acknowledge();
}
app.synth();
