#!/usr/bin/env bash
# What releaser replaces: a release as a careful engineer writes it into a CI job, from a tag to an open pull request.
# It signs by digest with a key, verifies from the registry, and looks for an open pull request before it opens one.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work"

git clone --quiet --depth 1 --branch "$TAG" "$PLATFORM_URL" platform
chart=platform/charts/$CHART
COMMIT=$(git -C platform rev-parse HEAD)
export COMMIT
yq -i '.image.tag = strenv(COMMIT)' "$chart/values.yaml"

helm dependency build "$chart" >/dev/null
helm lint --strict --quiet "$chart"
helm package "$chart" >/dev/null
helm push --plain-http "$CHART-$VERSION.tgz" "oci://$REGISTRY" >push.log 2>&1 || { cat push.log >&2; exit 1; }
DIGEST=$(sed -n 's/^Digest: //p' push.log)
export DIGEST

image=$REGISTRY/$CHART@$DIGEST
cosign sign --key "$COSIGN_KEY" --tlog-upload=false --yes "$image" 2>sign.log || { cat sign.log >&2; exit 1; }
cosign verify --key "$COSIGN_PUB" --insecure-ignore-tlog "$image" >/dev/null 2>verify.log || { cat verify.log >&2; exit 1; }

branch=release/dev/$CHART-$VERSION
git clone --quiet --depth 1 "$ENVIRONMENTS_URL" environments
cd environments
git checkout --quiet -b "$branch"
yq -i '.image.tag = strenv(COMMIT)' "dev/$CHART/values.yaml"
yq -i '.version = strenv(VERSION) | .digest = strenv(DIGEST)' "dev/$CHART/release.yaml"
git commit --quiet --all --message "dev: $CHART $VERSION"
git push --quiet origin "$branch"

forge() { curl --silent --show-error --fail -H "Authorization: Bearer $FORGE_TOKEN" -H 'Accept: application/vnd.github+json' "$@"; }
pulls=$FORGE_URL/repos/$ENVIRONMENTS/pulls
open=$(forge "$pulls?state=open&head=${ENVIRONMENTS%/*}:$branch" | yq -p json length)
if [ "$open" -eq 0 ]; then
  number=$(forge "$pulls" --data "{\"title\": \"dev: $CHART $VERSION\", \"head\": \"$branch\", \"base\": \"main\",
    \"body\": \"$TAG at $COMMIT is $DIGEST\"}" | yq -p json .number)
  forge "$FORGE_URL/repos/$ENVIRONMENTS/issues/$number/labels" --data '{"labels": ["dev"]}' >/dev/null
fi
