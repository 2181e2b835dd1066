# log2aws from Terraform or OpenTofu: deploy/template.yml as it is, as one stack of CloudFormation.
# The template is smaller than the 51,200 bytes that a template_body may have.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "env" {
  description = "The environment, part of every name. Another one is another stack: never change it here."
  type        = string
  default     = "dev"
}

variable "artifact_bucket" {
  description = "A bucket in the stack's region, for the two zips"
  type        = string
}

variable "lambda_dir" {
  description = "Where `cargo xtask lambda` put the zips"
  type        = string
  default     = "../../../target/lambda"
}

variable "allow_hosts" {
  description = "Who may request URLs: server is a pattern of names, or null for every server"
  type = list(object({
    network = string
    server  = optional(string)
  }))
}

resource "aws_s3_object" "zip" {
  for_each = toset(["generate-url", "analyze-log"])
  bucket   = var.artifact_bucket
  # By its hash: CloudFormation does not look into a zip, and sees an update by its name alone.
  key    = "log2aws/${filesha256("${var.lambda_dir}/${each.key}.zip")}.zip"
  source = "${var.lambda_dir}/${each.key}.zip"
}

resource "aws_cloudformation_stack" "log2aws" {
  name          = "log2aws-${var.env}"
  template_body = file("${path.module}/../../template.yml")
  capabilities  = ["CAPABILITY_IAM"]
  parameters = {
    Env            = var.env
    ArtifactBucket = var.artifact_bucket
    GenerateUrlKey = aws_s3_object.zip["generate-url"].key
    AnalyzeLogKey  = aws_s3_object.zip["analyze-log"].key
    # Both from one list, so that they cannot differ.
    LogPutAllowHosts    = join(", ", [for one in var.allow_hosts : one.server == null ? one.network : "${one.server}@${one.network}"])
    LogPutAllowNetworks = join(",", distinct([for one in var.allow_hosts : one.network]))
  }
}

# A deployment of API Gateway is a snapshot: a changed list is served only after a new one.
resource "terraform_data" "api" {
  triggers_replace = [aws_cloudformation_stack.log2aws.parameters["LogPutAllowNetworks"]]
  provisioner "local-exec" {
    command = <<-EOT
      api=$(aws cloudformation describe-stack-resource --stack-name "$STACK" \
        --logical-resource-id Api --query StackResourceDetail.PhysicalResourceId --output text)
      aws apigateway create-deployment --rest-api-id "$api" --stage-name "$ENVIRONMENT"
    EOT
    environment = {
      STACK       = aws_cloudformation_stack.log2aws.name
      ENVIRONMENT = var.env
    }
  }
}

output "generate_signed_url" {
  description = "What servers ask for a URL"
  value       = aws_cloudformation_stack.log2aws.outputs["GenerateSignedUrl"]
}

output "serverlog_bucket" {
  value = aws_cloudformation_stack.log2aws.outputs["ServerlogBucket"]
}

output "analyzedlog_bucket" {
  value = aws_cloudformation_stack.log2aws.outputs["AnalyzedlogBucket"]
}
