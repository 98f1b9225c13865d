#!/usr/bin/env bash
# Builds the packages for package.sh, and the present ones from two different
# folders, which must give the same bytes: packages.sh FOLDER
# Afterwards FOLDER/old has version 0.1.0 with another configuration file, and
# FOLDER/new version 0.2.0. With FRESH=1 the second build compiles everything
# again, in a cache of its own (minutes).
set -euo pipefail
folder=${1:?usage: packages.sh FOLDER}
mkdir -p "$folder"
folder=$(realpath "$folder")
cd "$(dirname "$0")/../.."

copy() { # copy TO: the work tree as it stands, with its history
  git clone --quiet --no-checkout . "$1"
  git ls-files -z --cached --others --exclude-standard |
    xargs -0 -r ls -d 2>/dev/null | tar -c --files-from=- | tar -x -C "$1"
  git -C "$1" reset --quiet
}
copy "$folder/first"
copy "$folder/a/second/folder"
"$folder/first/systemd/package" 0.2.0 >"$folder/log"
(
  umask 077
  export TZ=Asia/Tokyo LC_ALL=C
  [[ -z ${FRESH:-} ]] || export GOCACHE=$folder/cache
  "$folder/a/second/folder/systemd/package" 0.2.0 >>"$folder/log"
)
diff "$folder/first/dist/SHA256SUMS" "$folder/a/second/folder/dist/SHA256SUMS" || { echo "two builds of the same source differ"; exit 1; }
(cd "$folder/first/dist" && sha256sum --check SHA256SUMS)
# Whatever a paper in the package links to is there, too.
while IFS=: read -r paper link; do
  (cd "$folder/first/dist/stage/doc/$(dirname "$paper")" && [[ -e $link ]]) || { echo "$paper in the package links to $link"; exit 1; }
done < <(cd "$folder/first/dist/stage/doc" && grep -oPr --include='*.md' '\]\(\K[^)#:]+(?=[)#])' .)
mv "$folder/first/dist" "$folder/new"
echo "# The older version said something else here." >>"$folder/a/second/folder/systemd/config.toml"
rm -r "$folder/a/second/folder/dist"
"$folder/a/second/folder/systemd/package" 0.1.0 >>"$folder/log"
mv "$folder/a/second/folder/dist" "$folder/old"
