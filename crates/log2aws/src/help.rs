//! The help of the program, grouped by who uses a verb, and the examples of the verbs.

/// The layout of `--help`.
pub(crate) const PROGRAM: &str = "\
{about-with-newline}
{usage-heading} {usage}

On the machine that collects the logs:
  serve        Collect logs on this machine: URLs, an S3 store, analysis and the dashboard
  token        Manage the access tokens of the dashboard
  alerts       Test the alert rules and the webhooks
  audit        Show the audit log: URLs, uploads, reads, deletions and logins
  store        Copy the data folder of serve
  reopen       Allow one more delivery of a final day
  retire       Expect no logs of a server from a day on
  key          Encrypt the upload URLs of servers to their own keys
  proof        Prove deliveries: receipts, their check, and a witness

    log2aws serve --listen 0.0.0.0:8750 --public-url http://log2aws.example:8750 \\
      --data-dir /var/lib/log2aws --allow-hosts 10.0.0.0/8

On the servers (also in the smaller program log2aws-agent):
  run          Sample and ship as a service
  sample       Append one line about this machine to today's log
  ship         Deliver day logs to the endpoint
  status       Show the state of the service
  doctor       Diagnose problems on this server, with remedies
  config       Check the config file of the agent

    log2aws sample --log-dir /var/log/log2aws
    log2aws ship --api http://log2aws.example:8750 --log-dir /var/log/log2aws

On AWS:
  stack        Plan, deploy and delete the stack on AWS

    log2aws stack plan --servers 100

With local files:
  convert      Convert day logs to CSV
  chart        Draw the load chart of a day from its log or CSV
  demo         Run the whole pipeline on this machine, beside a made-up fleet

    log2aws convert /var/log/load/*.log -o year.csv
    log2aws chart /var/log/load/2019-08-01.log -o day.html

For the shell:
  completions  Print shell completions
  man          Write the manual pages to a folder
  help         Print this message or the help of the given subcommand

Options:
{options}{after-help}";

pub(crate) const DEMO: &str = "\
Examples:
  log2aws demo
  log2aws demo --once --samples 3";

pub(crate) const SERVE: &str = "\
Examples:
  log2aws serve --listen 0.0.0.0:8750 --public-url http://log2aws.example:8750 --allow-hosts 10.0.0.0/8
  log2aws serve --tls-cert logs.pem --tls-key logs.key --public-url https://logs.example.com:8750
  log2aws serve --view s3://analyzedlogs-dev-111122223333-ap-northeast-1 --profile ops";

pub(crate) const STORE: &str = "\
Examples:
  sudo log2aws store snapshot /var/lib/log2aws-snapshot";

pub(crate) const ALERTS: &str = "\
Examples:
  sudo log2aws alerts send-test
  log2aws alerts test --days 30 --rule silent
  log2aws alerts test --results s3://analyzedlogs-dev-111122223333-ap-northeast-1 --json";

pub(crate) const ALERTS_TEST: &str = "\
Examples:
  log2aws alerts test
  log2aws alerts test --days 90 --rule silent --json";

pub(crate) const ALERTS_SEND_TEST: &str = "\
Examples:
  sudo log2aws alerts send-test";

pub(crate) const AUDIT: &str = "\
Examples:
  sudo log2aws audit --server web01 --since 2026-11-29
  sudo log2aws audit --event put,delete --json
  log2aws audit --aws --env dev --since 2026-11-29";

pub(crate) const TOKEN: &str = "\
Examples:
  sudo log2aws token add alice
  sudo log2aws token add lobby-screen --read-only
  sudo log2aws token revoke alice";

pub(crate) const STORE_SNAPSHOT: &str = "\
Examples:
  sudo log2aws store snapshot /var/lib/log2aws-snapshot
  sudo log2aws store snapshot /backup/log2aws --data-dir /srv/log2aws";

pub(crate) const TOKEN_ADD: &str = "\
Examples:
  sudo log2aws token add alice
  sudo log2aws token add lobby-screen --read-only
  log2aws token add bob --data-dir ~/.local/state/log2aws/analyzedlogs-dev";

pub(crate) const TOKEN_LIST: &str = "\
Examples:
  sudo log2aws token list";

pub(crate) const TOKEN_REVOKE: &str = "\
Examples:
  sudo log2aws token revoke alice";

pub(crate) const STACK_PLAN: &str = "\
Examples:
  log2aws stack plan --servers 100
  log2aws stack plan --env prod --region ap-northeast-1 --parameter FinalAfterDays=14
  log2aws stack plan --json | jq .cost";

pub(crate) const STACK_DEPLOY: &str = "\
Examples:
  log2aws stack deploy --env dev --region ap-northeast-1 --allow-hosts 203.0.113.7
  log2aws stack deploy --env prod --no-execute
  log2aws stack deploy --env prod --yes prod --detach";

pub(crate) const STACK_CHECK: &str = "\
Examples:
  log2aws stack check --env dev
  log2aws stack check --env dev --drift-only --json";

pub(crate) const STACK_REPLAY: &str = "\
Examples:
  log2aws stack replay --env dev";

pub(crate) const STACK_DELETE: &str = "\
Examples:
  log2aws stack delete --env dev
  log2aws stack delete --env dev --purge";

pub(crate) const STACK_EVENTS: &str = "\
Examples:
  log2aws stack events --env dev
  log2aws stack events --env dev --follow";

pub(crate) const CONVERT: &str = "\
Examples:
  log2aws convert /var/log/load/*.log -o year.csv --rejects rejects.jsonl
  zcat old/*.gz | log2aws convert > old.csv";

pub(crate) const CHART: &str = "\
Examples:
  log2aws chart /var/log/load/2019-08-01.log --server web01 -o day.html
  log2aws chart web01/*.log -o charts/ --format png --scale 2
  log2aws chart web01/2026-11-20.csv --from 01:30 --till 05:00 -o night.svg";

pub(crate) const REOPEN: &str = "\
Examples:
  log2aws reopen web01 2026-08-01 --why 'its clock was an hour ahead'
  log2aws reopen --list";

pub(crate) const RETIRE: &str = "\
Examples:
  log2aws retire web01 --from 2026-12-01 --why 'replaced by web02'
  log2aws retire web01 --from yesterday --why 'replaced by web02'
  log2aws retire web01 --undo
  log2aws retire --list --json";

pub(crate) const PROOF: &str = "\
Examples:
  log2aws proof write web01 2026-08-01 -o web01.tlog-proof
  log2aws proof check web01.tlog-proof --key example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx --log 2026-08-01.log
  log2aws proof key";

pub(crate) const PROOF_WRITE: &str = "\
Examples:
  log2aws proof write web01 2026-08-01 -o web01.tlog-proof
  log2aws proof write web01 2026-08-01 --cosigned checkpoint -o web01.tlog-proof";

pub(crate) const PROOF_CHECK: &str = "\
Examples:
  log2aws proof check web01.tlog-proof --key example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx --log 2026-08-01.log
  log2aws proof check web01.tlog-proof --key example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx --witness witness.example.com/w1+7e6f4aaa+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea
  log2aws proof check web01.tlog-proof --key example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx --online";

pub(crate) const PROOF_KEY: &str = "\
Examples:
  log2aws proof key
  log2aws proof key --results s3://analyzedlogs-dev-111122223333-ap-northeast-1";

pub(crate) const PROOF_ROTATE: &str = "\
Examples:
  sudo log2aws proof rotate";

pub(crate) const PROOF_WITNESS: &str = "\
Examples:
  log2aws proof witness --key example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx --name audit.example.com/log2aws --state ~/log2aws-witness
  log2aws proof witness --key example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx --name audit --state . --since web01.tlog-proof";

pub(crate) const KEY: &str = "\
Examples:
  log2aws key register web01 x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo
  log2aws key register web01 --code
  log2aws key list";

pub(crate) const KEY_LIST: &str = "\
Examples:
  log2aws key list
  log2aws key list --json --results s3://analyzedlogs-dev-123456789012-ap-northeast-1";

pub(crate) const KEY_REGISTER: &str = "\
Examples:
  log2aws key register web01 x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo
  log2aws key register web01 --code --hours 2";

pub(crate) const KEY_ACCEPT: &str = "\
Examples:
  log2aws key accept web01";

pub(crate) const KEY_ROTATE: &str = "\
Examples:
  log2aws key rotate web01 x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo";

pub(crate) const KEY_REVOKE: &str = "\
Examples:
  log2aws key revoke web01 --why 'the server was stolen'
  log2aws key revoke web01 --key 3f2a9c0d11e45b78 --why 'rotated'";

pub(crate) const STACK: &str = "\
Examples:
  log2aws stack plan --servers 100
  log2aws stack deploy --env dev --region ap-northeast-1 --allow-hosts 203.0.113.7
  log2aws stack events --env dev --follow
  log2aws stack check --env dev
  log2aws stack delete --env dev";
