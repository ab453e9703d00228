#!/bin/sh
# Names the two products that brought most.
set -e
cat orders/*.csv | tr 'A-Z' 'a-z' | grep . >/tmp/clean.$$
awk -F, '{ total[$1] += $2 } END { for (product in total) print total[product], product }' /tmp/clean.$$ |
  sort -k1,1nr -k2 | head -n 2
rm /tmp/clean.$$
