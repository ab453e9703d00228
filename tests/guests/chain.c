/* A plugin whose tests try the fake host: runtime/cli/tests/e2e/languages.rs builds and runs it. */
#include <string.h>
#include "wrun.h"

static int chain_requires(const wrun_args *args, wrun_plan *plan) {
  int64_t left = wrun_int(args, "left");
  if (left) wrun_with_int(wrun_require(plan, "next", "chain"), "left", left - 1);
  return WRUN_OK;
}

static int chain(const wrun_args *args) {
  int64_t sum = wrun_int(args, "left") ? wrun_read_int("next", "n.txt") + 1 : 0;
  const char *text = wrun_format("%lld\n", (long long)sum);
  return wrun_write("n.txt", text, strlen(text));
}

WRUN_PLUGIN("chain", "Each requires the next",
  {.name = "chain", .doc = "One more than the next", .requires = chain_requires, .run = chain,
   .params = WRUN_PARAMS({"left", WRUN_INT_IN(0, 1000), "How many follow", "0"})})
