/* The fake host of a native build: see wrun_test.h. */
#define WRUN_TEST_SOURCE
#include "wrun_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* The folder that is thrown away, and the one in it that the running task sees: each required task has a world of
 * its own, `top/<depth>`. Like all that wrun_alloc gives, they last until the next wrun_test_begin. */
static char *top, *root;
static int depth;
static const char *failed = "";

static void die(const char *what) {
  fprintf(stderr, "wrun_test: %s: %s\n", what, strerror(errno));
  exit(2);
}

/* A link goes, and not what it leads to. */
static void sweep(const char *path) {
  struct stat seen;
  DIR *dir = !lstat(path, &seen) && S_ISDIR(seen.st_mode) ? opendir(path) : NULL;
  if (dir) {
    for (struct dirent *found; (found = readdir(dir));)
      if (strcmp(found->d_name, ".") && strcmp(found->d_name, ".."))
        sweep(wrun_format("%s/%s", path, found->d_name));
    closedir(dir);
  }
  remove(path);
}

static void end(void) {
  if (top) sweep(top);
}

static bool below(const char *path, const char *folder) {
  size_t length = strlen(folder);
  return !strncmp(path, folder, length) && (!path[length] || path[length] == '/');
}

/* Where a path of the task is on this machine. */
static const char *real(const char *path) {
  return below(path, "/in") || below(path, "/out") ? wrun_format("%s%s", root, path) : path;
}

/* Inputs are read-only. */
static bool refused(const char *path) {
  if (below(path, "/in")) errno = EROFS;
  return below(path, "/in");
}

FILE *wrun_test_fopen(const char *path, const char *mode) {
  return strpbrk(mode, "wa+") && refused(path) ? NULL : fopen(real(path), mode);
}

int wrun_test_open_(const char *path, int flags) {
  return (flags & O_ACCMODE) != O_RDONLY && refused(path) ? -1 : open(real(path), flags, 0666);
}

DIR *wrun_test_opendir(const char *path) {
  return opendir(real(path));
}

int wrun_test_mkdir(const char *path, mode_t mode) {
  return refused(path) ? -1 : mkdir(real(path), mode);
}

int wrun_test_remove(const char *path) {
  return refused(path) ? -1 : remove(real(path));
}

int wrun_test_rename(const char *from, const char *to) {
  return refused(from) || refused(to) ? -1 : rename(real(from), real(to));
}

static void folder(const char *path) {
  if (mkdir(path, 0777) && errno != EEXIST) die(path);
}

/* Makes the empty world of the current depth. */
static void world(void) {
  root = wrun_format("%s/%d", top, depth);
  folder(root);
  folder(real("/in"));
  folder(real("/out"));
}

void wrun_test_begin(void) {
  static bool registered;
  if (!registered) atexit(end);
  registered = true;
  end();
  top = NULL;
  failed = "";
  depth = 0;
  wrun_free_all_();
  wrun_begin_();
  const char *temporary = getenv("TMPDIR");
  char *made = wrun_format("%s/wrun-XXXXXX", temporary && *temporary ? temporary : "/tmp");
  if (!mkdtemp(made)) die(made);
  top = made;
  world();
}

void wrun_test_input(const char *input, const char *name, const char *text) {
  char *path = wrun_format("%s/in/%s/%s", root, input, name);
  for (char *at = path + strlen(root) + 4; (at = strchr(at, '/')); *at++ = '/') {
    *at = 0;
    folder(path);
  }
  FILE *file = fopen(path, "wb");
  if (!file || fputs(text, file) < 0 || fclose(file)) die(path);
}

static int run(const char *name, const char *params);

/* Makes an input by running the task of this plugin that it names. */
static int provide(const wrun_call *call) {
  const char *at = wrun_format("%s/in/%s", root, call->input);
  struct stat there;
  if (!stat(at, &there)) return WRUN_OK;
  if (call->kind != WRUN_IS_TASK || call->plugin)
    return wrun_fail("the test does not give the input `%s`: use wrun_test_input", call->input);
  /* It has a world of its own; what it made becomes the input. */
  char *outer = root;
  depth++;
  world();
  uint64_t needs = wrun_needs_;
  int code = run(call->task, wrun_call_params_(call));
  wrun_needs_ = needs;
  const char *from = wrun_format("%s/out%s%s", root, call->path ? "/" : "", call->path ? call->path : "");
  if (code == WRUN_OK && call->path && !stat(from, &there) && !S_ISDIR(there.st_mode)) {
    folder(at);
    at = wrun_format("%s/%s", at, strrchr(from, '/') + 1);
  }
  if (code == WRUN_OK && rename(from, at)) code = wrun_fail("there is no `%s` in its output", from);
  sweep(root);
  depth--;
  root = outer;
  return code;
}

static int run(const char *name, const char *params) {
  wrun_begin_();
  wrun_plan plan;
  wrun_args args = {params, strlen(params)};
  const wrun_task *task = wrun_find_(name);
  if (!task || wrun_declare_(task, &args, &plan) != WRUN_OK) return WRUN_FAILED;
  if (plan.container)
    return wrun_fail("a container does `%s`: use wrun_test_input for its output, and wrun_test_requires for its plan",
                     name);
  for (size_t i = 0; i < plan.count; i++)
    if (plan.inputs[i]->kind != WRUN_IS_CLOCK && provide(plan.inputs[i]) != WRUN_OK) return WRUN_FAILED;
  wrun_begin_();
  return wrun_ended_(task->run ? task->run(&args) : WRUN_OK, name);
}

int wrun_test_run(const char *task, const char *params_json) {
  int code = run(task, params_json);
  failed = code == WRUN_OK ? "" : wrun_failure_();
  fflush(NULL);
  return code;
}

const char *wrun_test_error(void) {
  return failed;
}

const char *wrun_test_output(const char *name) {
  FILE *file = fopen(wrun_format("%s/out/%s", root, name), "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  long length = ftell(file);
  rewind(file);
  char *text = wrun_alloc((size_t)length + 1);
  if (fread(text, 1, (size_t)length, file) != (size_t)length) die(name);
  fclose(file);
  return text;
}

const char *wrun_test_requires(const char *name, const char *params_json) {
  wrun_begin_();
  wrun_plan plan;
  wrun_args args = {params_json, strlen(params_json)};
  const wrun_task *task = wrun_find_(name);
  if (!task || wrun_declare_(task, &args, &plan) != WRUN_OK) {
    failed = wrun_failure_();
    return NULL;
  }
  const char *lines = "";
  if (plan.container) {
    lines = wrun_format("container %s", plan.container->image);
    for (size_t i = 0; plan.container->args && plan.container->args[i]; i++)
      lines = wrun_format("%s %s", lines, plan.container->args[i]);
    lines = wrun_format("%s\n", lines);
  }
  for (size_t i = 0; i < plan.count; i++) {
    const wrun_call *call = plan.inputs[i];
    lines = call->kind == WRUN_IS_TASK
                ? wrun_format("%s%s %s %s\n", lines, call->input, call->task, wrun_call_params_(call))
                : wrun_format("%s%s %s\n", lines, call->input, call->uri);
  }
  return lines;
}

void wrun_test_check(int holds, const char *what, const char *file, int line) {
  if (holds) return;
  fprintf(stderr, "%s:%d: this does not hold: %s%s%s\n", file, line, what, *failed ? "; the task said: " : "",
          failed);
  exit(1);
}

int wrun_host_need_(wrun_call *const *calls, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (provide(calls[i]) != WRUN_OK) {
      /* A need that fails never returns to the task. */
      fprintf(stderr, "wrun_test: `%s` is blocked: %s\n", calls[i]->input, wrun_failure_());
      exit(1);
    }
  return WRUN_OK;
}

void wrun_host_progress_(double fraction, const char *message) {
  fprintf(stderr, "progress %g %s\n", fraction, message);
}
