// log2aws as a construct: deploy/template.yml as it is, by CfnInclude.

import { readFileSync } from "node:fs";

import { Validations } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";

const deploy = new URL("../../", import.meta.url);

/** The findings of scanners that we accept: on which resources, by which rules, and why. */
export const accepted = JSON.parse(
  readFileSync(new URL("accepted-findings.json", deploy), "utf8"),
);

/** The resources of log2aws, under the logical IDs of the template. */
export class Log2aws extends CfnInclude {
  /**
   * `parameters` are those of docs/aws.md. One that is given is written into the template and is no
   * parameter of the stack any more.
   */
  constructor(scope, id, parameters = {}) {
    super(scope, id, {
      templateFile: new URL("template.yml", deploy).pathname,
      parameters,
    });
    this.written = parameters;
  }

  /** Tells cdk-nag why what it finds is accepted. Whatever else it finds stays an error. */
  acknowledge() {
    // The CDK's own check of templates takes the empty default for the value in force.
    Validations.of(this).acknowledge({
      id: "CloudFormation-Validate::W1030",
      reason: "An empty parameter leaves the property out, by an !If.",
    });
    for (const { on, rules, why } of accepted) {
      const known = rules.filter((rule) => !rule.startsWith("CKV_"));
      for (const resource of on) {
        for (const rule of known) {
          const id = this.#asFound(rule);
          Validations.of(this.getResource(resource)).acknowledge({ id, reason: why });
        }
      }
    }
  }

  /** A finding names `<Env>`, or the value that is written out in its place. */
  #asFound(rule) {
    return rule.replace(/<(\w+)>/g, (hole, name) => this.written[name] ?? hole);
  }
}
