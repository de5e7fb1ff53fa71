#!/bin/sh
# Deploys this package of Relais with AWS CLI 2: stage {stage}, version {version}, configuration {configuration}.
#
#   BUCKET=my-bucket sh deploy.sh [Parameter=value ...]
#
# BUCKET is a bucket of yours in the region of the stack. Parameters that are not named keep their values. When errors rise
# while it deploys, or within ten minutes, CloudFormation takes the whole stack back. ROLLBACK=no leaves that out, for
# a deployment that is to end such errors.
#
# Exit status: 0 deployed, and check finds everything in order; 1 not deployed; 2 nothing was done; 3 deployed, and check
# finds something or could not run.
set -eu
cd "$(dirname "$0")"
: "${BUCKET:?must name an S3 bucket of yours in the region of the stack}"
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
: "${region:?must be set: AWS_REGION=... for the region of the stack}"
change=package-$(date +%s)-{slug}
export AWS_PAGER=

parameters=
named=
add() {
  parameters="$parameters${parameters:+, }{\"ParameterKey\": \"$1\", $2}"
  named="$named $1 "
}
for given; do
  case $given in
    LedgerTableName={stack}-ledger* | StatsTableName={stack}-stats* | LedgerTableName= | StatsTableName=) ;;
    LedgerTableName=* | StatsTableName=*) echo "$given: the tables of this package's stage begin with {stack}-" >&2; exit 2 ;;
    *=*) ;;
    *) echo "$given: write it as Parameter=value" >&2; exit 2 ;;
  esac
  case " {parameters} " in
    *" ${given%%=*} "*) add "${given%%=*}" "\"ParameterValue\": \"${given#*=}\"" ;;
    *) echo "${given%%=*} is no parameter; there are: {parameters}" >&2; exit 2 ;;
  esac
done

describe() {
  aws cloudformation describe-stacks --stack-name {stack} --query "Stacks[0].$1" --output text
}

failed() {
  echo "$1 The stack is $(describe StackStatus). What CloudFormation says, newest first:" >&2
  aws cloudformation describe-stack-events --stack-name {stack} --max-items 100 --output text >&2 \
    --query "StackEvents[?contains(ResourceStatus, 'FAILED') || contains(ResourceStatus, 'ROLLBACK_IN_PROGRESS')].[Timestamp, LogicalResourceId, ResourceStatusReason]"
  exit 1
}

if ! status=$(describe StackStatus 2>&1); then
  case $status in
    *"does not exist"*) status=NONE ;;
    *) echo "$status" >&2; exit 1 ;;
  esac
fi
if [ "$status" = ROLLBACK_COMPLETE ]; then  # a first deployment that failed: only its name is left
  aws cloudformation delete-stack --stack-name {stack}
  aws cloudformation wait stack-delete-complete --stack-name {stack}
  status=NONE
fi
case $status in
  *ROLLBACK_FAILED | DELETE_FAILED)
    echo "Nothing was done: the stack is $status. docs/runbooks.md says what to do (A rollback that failed)" >&2
    exit 2 ;;
  REVIEW_IN_PROGRESS) ;;
  *_IN_PROGRESS) echo "Nothing was done: the stack is $status, so another change is under way. Try again when it has ended" >&2; exit 2 ;;
esac
case $status in
  NONE | REVIEW_IN_PROGRESS) kind=CREATE deployed=stack-create-complete kept= ;;
  *) kind=UPDATE deployed=stack-update-complete kept=$(describe 'Parameters[].ParameterKey' | tr '\t\n' '  ') ;;
esac

case "$kind $* " in  # AWS refuses a function that has the one without the other, after some minutes
  CREATE*" SubnetIds="[!\ ]*" SecurityGroupIds="[!\ ]* | CREATE*" SecurityGroupIds="[!\ ]*" SubnetIds="[!\ ]*) ;;
  CREATE*" SubnetIds="[!\ ]* | CREATE*" SecurityGroupIds="[!\ ]*) echo "Name SubnetIds=... and SecurityGroupIds=... together" >&2; exit 2 ;;
esac

exists() {
  aws dynamodb describe-table --table-name "$1" > /dev/null 2>&1
}
for own in ledger:LedgerTableName stats:StatsTableName; do  # a deleted stack may have used a restored one
  case " $kept $* " in *" ${own#*:} "* | *" ${own#*:}="*) continue ;; esac
  exists "{stack}-${own%:*}" || continue
  beside=$(aws dynamodb list-tables --query "TableNames[?starts_with(@, '{stack}-${own%:*}-')]" --output text)
  [ -z "$beside" ] || {
    echo "Nothing was done: beside {stack}-${own%:*} there is" $beside "- name the one to use: ${own#*:}=... or, for the stack's own, ${own#*:}=" >&2
    exit 2
  }
done
if [ "$kind" = CREATE ] && exists {stack}-ledger && exists {stack}-stats; then  # of a stack that was deleted
  aws cloudformation create-change-set --stack-name {stack} --change-set-name "tables-$change" --change-set-type IMPORT \
    --template-body file://tables.json --resources-to-import file://import.json --output text
  aws cloudformation wait change-set-create-complete --stack-name {stack} --change-set-name "tables-$change" \
    || failed "The tables cannot be taken over."
  aws cloudformation execute-change-set --stack-name {stack} --change-set-name "tables-$change"
  aws cloudformation wait stack-import-complete --stack-name {stack} || failed "The tables were not taken over."
  kind=UPDATE deployed=stack-update-complete
fi

case "$kind $named" in
  CREATE* | *" ProtectTables "*) ;;
  *) add ProtectTables '"ParameterValue": "true"' ;;  # they would be in the way of cleaning up a creation that fails
esac
for name in {parameters}; do
  case "$named" in *" $name "*) continue ;; esac
  case " $kept " in *" $name "*) add "$name" '"UsePreviousValue": true' ;; esac
done

# Triggers of an earlier deployment stay unless others are named, or none. At the first one the alarm does not exist yet.
rollback='{"RollbackTriggers": [], "MonitoringTimeInMinutes": 0}'
if [ "$kind" = UPDATE ] && [ "${ROLLBACK:-yes}" != no ]; then
  alarm=$(describe "Outputs[?OutputKey=='DeploymentAlarmArn'].OutputValue | [0]")
  if [ "$alarm" != None ]; then
    rollback="{\"RollbackTriggers\": [{\"Arn\": \"$alarm\", \"Type\": \"AWS::CloudWatch::CompositeAlarm\"}], \"MonitoringTimeInMinutes\": 10}"
  fi
fi

aws cloudformation package --template-file sam.json --output-template-file sam.yaml --s3-bucket "$BUCKET" --s3-prefix {stack} > /dev/null
aws s3 cp --only-show-errors sam.yaml "s3://$BUCKET/{stack}/{version}.yaml"
aws cloudformation create-change-set --stack-name {stack} --change-set-name "$change" --change-set-type "$kind" \
  --description "Relais {version}, configuration {configuration}" --capabilities CAPABILITY_IAM \
  --template-url "https://s3.$region.amazonaws.com/$BUCKET/{stack}/{version}.yaml" \
  --parameters "[$parameters]" --rollback-configuration "$rollback" --output text
if aws cloudformation wait change-set-create-complete --stack-name {stack} --change-set-name "$change"; then
  aws cloudformation execute-change-set --stack-name {stack} --change-set-name "$change"
  aws cloudformation wait "$deployed" --stack-name {stack} || failed "Not deployed."
else
  reason=$(aws cloudformation describe-change-set --stack-name {stack} --change-set-name "$change" --query StatusReason --output text)
  aws cloudformation delete-change-set --stack-name {stack} --change-set-name "$change"
  case $reason in
    *"didn't contain changes"* | *"No updates are to be performed"*) echo "Nothing to change: the stack is what this package makes." ;;
    *) echo "Not deployed: $reason" >&2; exit 1 ;;
  esac
fi
[ "$kind" = UPDATE ] || echo "Run the same command once more: it protects the tables against being deleted."
echo "The stack is as package {version}, configuration {configuration}. What its check says of accounts, forms and sources:"
echo '{}' > check.json  # not by way of /dev/stdout: where that is a file, what was written before would be lost
AWS_MAX_ATTEMPTS=1 aws lambda invoke --function-name {stack}-check --cli-binary-format raw-in-base64-out \
  --payload '{}' --cli-read-timeout 0 check.json > /dev/null || true  # what failed, aws has said
cat check.json
echo
grep -q '^{"ok": *true' check.json || {
  echo "Deployed, and it stays so. But check found problems, or could not run: correct what it names, then call it again" >&2
  exit 3
}
