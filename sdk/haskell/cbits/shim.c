/* Joins the SDK for C, which speaks to the host, to Haskell: its table of tasks is filled by Haskell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "HsFFI.h"
#include "wrun_internal.h"

extern void wrun_hs_describe(void);
extern int32_t wrun_hs_requires(const char *task, uint32_t task_length, const char *params, uint32_t length,
                                void *plan);
extern int32_t wrun_hs_run(const char *task, uint32_t task_length, const char *params, uint32_t length);

static wrun_plugin table;
static wrun_task *tasks;
static wrun_param *params;
static wrun_output *outputs;
static size_t param_count, output_count;

static char *copy_of(const char *text) {
  char *copy = wrun_alloc(strlen(text) + 1);
  return strcpy(copy, text);
}

static int requires(const wrun_args *args, wrun_plan *plan) {
  return wrun_hs_requires(wrun_current_, strlen(wrun_current_), args->json, args->length, plan);
}

static int run(const wrun_args *args) {
  return wrun_hs_run(wrun_current_, strlen(wrun_current_), args->json, args->length);
}

const wrun_plugin *wrun_plugin_table(void) {
  static int started;
  if (!started) {
    started = 1;
    static char *words[] = {"task", NULL}, **argv = words;
    int argc = 1;
    hs_init(&argc, &argv);
    wrun_hs_describe();
  }
  return &table;
}

/* What Haskell calls while it describes: the plugin, then each task, followed by its params and outputs. */

void wrun_hs_plugin(const char *id, const char *doc, const char *goal) {
  table.id = copy_of(id);
  table.doc = copy_of(doc);
  table.default_goal = *goal ? copy_of(goal) : NULL;
}

void wrun_hs_task(const char *name, const char *doc, const char *version, int32_t flags, uint32_t retries) {
  wrun_task *more = wrun_alloc((table.count + 1) * sizeof *more);
  if (table.count) memcpy(more, tasks, table.count * sizeof *more);
  tasks = more;
  tasks[table.count++] = (wrun_task){.name = copy_of(name), .doc = copy_of(doc), .requires = requires, .run = run,
                                     .version = *version ? copy_of(version) : NULL, .dynamic = flags & 1,
                                     .native_nan = flags & 2, .retries = retries};
  table.tasks = tasks;
  param_count = output_count = 0;
  params = NULL;
  outputs = NULL;
}

void wrun_hs_limits(double memory, double cpu_ms, double bytes, double files, double log_bytes) {
  tasks[table.count - 1].limits =
      (wrun_limits){(uint64_t)memory, (uint64_t)cpu_ms, (uint64_t)bytes, (uint64_t)files, (uint64_t)log_bytes};
}

void wrun_hs_param(const char *name, const char *doc, const char *kind, const char *default_json, int32_t flags,
                   int32_t visibility) {
  wrun_param *more = wrun_alloc((param_count + 2) * sizeof *more);
  if (param_count) memcpy(more, params, param_count * sizeof *more);
  params = more;
  params[param_count++] =
      (wrun_param){copy_of(name), copy_of(kind), copy_of(doc), *default_json ? copy_of(default_json) : NULL,
                   flags & 1,     flags & 2,     (wrun_visibility)visibility};
  tasks[table.count - 1].params = params;
}

void wrun_hs_output(const char *name, int32_t directory) {
  wrun_output *more = wrun_alloc((output_count + 2) * sizeof *more);
  if (output_count) memcpy(more, outputs, output_count * sizeof *more);
  outputs = more;
  outputs[output_count++] = (wrun_output){copy_of(name), directory ? WRUN_DIRECTORY : WRUN_FILE};
  tasks[table.count - 1].outputs = outputs;
}

/* Caps are cpu, memory, time and /tmp; pairs are names and values by turns. */
void wrun_hs_container(void *plan, const char *image, const char *const *entrypoint, const char *const *args,
                       const char *workdir, const char *const *env, const char *user, int32_t flags, uint32_t gpus,
                       const uint64_t *caps, const int32_t *accepted, const char *const *secrets,
                       const char *const *labels) {
  wrun_in_container(plan, &(wrun_container){.image = image,
                                            .entrypoint = entrypoint,
                                            .args = args,
                                            .workdir = workdir,
                                            .env = (const wrun_pair *)env,
                                            .user = user,
                                            .network = flags & 1,
                                            .effect = flags & 2,
                                            .gpus = gpus,
                                            .cpu_millis = caps[0],
                                            .memory = caps[1],
                                            .timeout = caps[2],
                                            .tmpfs = caps[3],
                                            .accepted = accepted,
                                            .secrets = secrets,
                                            .labels = (const wrun_pair *)labels});
}

int32_t wrun_hs_fail(const char *message) {
  return wrun_fail("%s", message);
}

void wrun_hs_progress(double fraction, const char *message) {
  wrun_progress(fraction, "%s", message);
}

/* A plugin that cannot describe itself has nobody to tell but the log. */
void wrun_hs_die(const char *message) {
  fprintf(stderr, "%s\n", message);
  abort();
}
