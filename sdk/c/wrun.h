/*
 * wrun.h: tasks in C.
 *
 * A plugin is one or more C files; one of them ends in WRUN_PLUGIN, a table of its tasks. `wrun plugin build`
 * compiles the folder to a component. Inputs are files under /in/<input>/, outputs are files under /out: use
 * stdio. C11; from C++ the header may be included too, with tables as named arrays.
 *
 * Memory: all that a function of this header returns belongs to the call that is running and stays until it
 * ends. Never free it. Texts that are given are copied.
 *
 * Errors: `requires` and `run` return WRUN_OK or the result of wrun_fail. A getter that is asked for a param
 * that is not there, or is of another type, or does not fit, makes the call fail with a message of its own,
 * whatever the function returns; what it returns itself is then 0 or "".
 *
 * Text is UTF-8. A param may hold NUL: wrun_get refuses that one, wrun_text gives its length.
 */
#ifndef WRUN_H
#define WRUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- results ---- */

#define WRUN_OK 0
#define WRUN_FAILED 1

#if defined(__GNUC__) || defined(__clang__)
#define WRUN_PRINTF(text, rest) __attribute__((format(printf, text, rest)))
#else
#define WRUN_PRINTF(text, rest)
#endif

/* Says why the call fails, for people, and returns WRUN_FAILED. Bytes that are no UTF-8 show as U+FFFD. */
int wrun_fail(const char *format, ...) WRUN_PRINTF(1, 2);

/* ---- types of params: texts, so that they nest: WRUN_LIST(WRUN_OPTIONAL(WRUN_DATE)) ---- */

#define WRUN_STRING "string"
#define WRUN_INT "int"                              /* of any size */
#define WRUN_INT_IN(least, most) "int(" #least ".." #most ")"
#define WRUN_FLOAT "float"
#define WRUN_FLOAT_IN(least, most) "float(" #least ".." #most ")"
#define WRUN_BOOL "bool"
#define WRUN_DATE "date"
#define WRUN_MONTH "month"
#define WRUN_YEAR "year"
#define WRUN_HOUR "hour"
#define WRUN_MINUTE "minute"
#define WRUN_SECOND "second"
#define WRUN_INTERVAL "interval"                    /* start inclusive, end exclusive */
#define WRUN_DURATION "duration"
#define WRUN_PATH "path"                            /* `run` sees a token in its place */
#define WRUN_TASK "task"
#define WRUN_ENUM(names) "enum(" names ")"          /* WRUN_ENUM("low|high") */
#define WRUN_LIST(kind) "list<" kind ">"
#define WRUN_MAP(kind) "map<" kind ">"
#define WRUN_OPTIONAL(kind) "optional<" kind ">"
#define WRUN_TUPLE(kinds) "tuple<" kinds ">"        /* WRUN_TUPLE(WRUN_INT "," WRUN_DATE) */

typedef enum wrun_visibility { WRUN_PUBLIC, WRUN_HIDDEN, WRUN_PRIVATE } wrun_visibility;

/* One param of a task type. A table of them ends with one that has no name; WRUN_PARAMS adds it. */
typedef struct wrun_param {
  const char *name;
  const char *kind;
  const char *doc;
  const char *default_json;    /* JSON; without it the param must be given, unless it is optional */
  bool insignificant;          /* in no key; `run` sees a token in its place */
  bool positional;             /* may be given by position */
  wrun_visibility visibility;
} wrun_param;

typedef enum wrun_output_kind { WRUN_FILE, WRUN_DIRECTORY } wrun_output_kind;

/* One declared output: a name directly under /out. The directory "." alone is all of /out. */
typedef struct wrun_output {
  const char *name;
  wrun_output_kind kind;
} wrun_output;

/* Caps of one run; 0 is the host's default. None is in a key. */
typedef struct wrun_limits {
  uint64_t memory;             /* bytes */
  uint64_t cpu_ms;
  uint64_t output_bytes;
  uint64_t output_files;
  uint64_t log_bytes;
} wrun_limits;

/* ---- values: params, and what is inside of them ---- */

/* A piece of canonical JSON. Made by the functions below. */
typedef struct wrun_value {
  const char *json;
  size_t length;
} wrun_value;

/* The params of a call. */
typedef wrun_value wrun_args;

/* Text of a param: that of strings, dates, enums, paths; JSON for all else. NULL where an optional is absent. */
const char *wrun_get(const wrun_args *args, const char *name);
/* The same with its length in bytes; it may hold NUL. */
const char *wrun_text(const wrun_args *args, const char *name, size_t *length);
bool wrun_has(const wrun_args *args, const char *name);    /* whether it is not absent */
int64_t wrun_int(const wrun_args *args, const char *name);
double wrun_float(const wrun_args *args, const char *name);
bool wrun_bool(const wrun_args *args, const char *name);
double wrun_duration(const wrun_args *args, const char *name);   /* seconds */

/* A moment as far as its type is precise; what is finer is 1 or 0. No time zone. */
typedef struct wrun_time {
  int year, month, day, hour, minute, second;
} wrun_time;

wrun_time wrun_when(const wrun_args *args, const char *name);    /* date, month, year, hour, minute, second */
/* Start and end of an interval. */
typedef struct wrun_span {
  wrun_time start, end;
} wrun_span;
wrun_span wrun_interval(const wrun_args *args, const char *name);

int64_t wrun_days(wrun_time time);                        /* since 1970-01-01, in the Gregorian calendar */
wrun_time wrun_from_days(int64_t days);
const char *wrun_date_text(wrun_time time);               /* 2013-01-07 */

/* What is inside of lists, tuples, maps and tasks. */
wrun_value wrun_param_value(const wrun_args *args, const char *name);
size_t wrun_count(wrun_value value);                      /* items of a list or tuple, entries of a map */
wrun_value wrun_at(wrun_value value, size_t index);       /* item, or the value of an entry */
const char *wrun_key(wrun_value value, size_t index);     /* key of an entry; entries are in order of keys */
wrun_value wrun_field(wrun_value value, const char *key); /* of a map or task */
bool wrun_is_null(wrun_value value);
const char *wrun_as_text(wrun_value value, size_t *length);
const char *wrun_as_json(wrun_value value);
int64_t wrun_as_int(wrun_value value);
double wrun_as_float(wrun_value value);
bool wrun_as_bool(wrun_value value);
wrun_time wrun_as_time(wrun_value value);
wrun_span wrun_as_interval(wrun_value value);

/* ---- what a call requires and makes ---- */

typedef struct wrun_plan wrun_plan;
typedef struct wrun_call wrun_call;

/* Requires a task; its output shows at /in/<input>/. An input of NULL is named after the task. */
wrun_call *wrun_require(wrun_plan *plan, const char *input, const char *task);
/* Requires what a param of the type `task` names. */
wrun_call *wrun_require_value(wrun_plan *plan, const char *input, wrun_value task);
/* Params of the required task; those with a default may be left out. */
wrun_call *wrun_with(wrun_call *call, const char *name, const char *text);
wrun_call *wrun_with_int(wrun_call *call, const char *name, int64_t value);
wrun_call *wrun_with_json(wrun_call *call, const char *name, const char *json);
/* The same param as here. */
wrun_call *wrun_with_same(wrun_call *call, const wrun_args *args, const char *name);
/* It is a task of another plugin: an alias of wrun.toml. */
wrun_call *wrun_of(wrun_call *call, const char *alias);
/* Only what is at this path in its output; only that counts. */
wrun_call *wrun_part(wrun_call *call, const char *path);

/* Requires files: a path, a folder, a glob, s3://… or https://… */
void wrun_external(wrun_plan *plan, const char *input, const char *uri);
void wrun_external_or_wait(wrun_plan *plan, const char *input, const char *uri);
/* Names and sizes alone: shows as one file, `listing`, of lines `<size>\t<path>`. */
void wrun_listing(wrun_plan *plan, const char *input, const char *uri);
/* Not before this instant, RFC 3339. */
void wrun_not_before(wrun_plan *plan, const char *input, const char *instant);
/* Outputs, where they depend on the params. */
void wrun_makes(wrun_plan *plan, const char *name, wrun_output_kind kind);
/* Limits of this call; they begin as those of the task type. */
wrun_limits *wrun_limit(wrun_plan *plan);

/* ---- tasks that a container does ---- */

typedef struct wrun_pair {
  const char *name, *value;
} wrun_pair;

/* What runs, and within what. What is 0 or NULL is not asked for. Arguments are data: no shell reads them, unless
 * the image's program is one. Tables of texts end with NULL, of pairs with one that has no name, of exit codes
 * with WRUN_NO_CODE; the macros below add it. */
typedef struct wrun_container {
  const char *image;              /* `name:tag`, `name@sha256:...`, or the id of one that is on the machine alone */
  const char *const *entrypoint;  /* in place of the image's own; a table without texts is none at all */
  const char *const *args;
  const char *workdir;            /* an absolute path, in place of the image's own */
  const wrun_pair *env;           /* in the key, so no place for a secret */
  const char *user;               /* `name` or `uid:gid`, in place of the image's own */
  bool network;                   /* in place of none; what it fetches is in no key */
  bool effect;                    /* it acts on the world: never repeated to verify, at least once is promised */
  uint32_t gpus;
  uint64_t cpu_millis;            /* thousandths of a core, which have to be free for it to start */
  uint64_t memory;                /* bytes, which have to be free for it to start */
  uint64_t timeout;               /* seconds */
  uint64_t tmpfs;                 /* bytes of /tmp, which is memory */
  const int32_t *accepted;        /* exit codes that are a success, in place of 0 alone */
  const char *const *secrets;     /* each is a file in /run/secrets; wrun.toml says where its value is */
  const wrun_pair *labels;        /* asks for a machine with these labels */
} wrun_container;

#define WRUN_NO_CODE INT32_MIN

/* Lets a container do the work, in place of `run`: it sees /in, read-only, and writes /out. All that is given is
 * copied:
 *
 *   wrun_in_container(plan, &(wrun_container){.image = "busybox:1.36",
 *       .args = WRUN_TEXTS("sort", "-o", "/out/sorted.txt", "/in/words/words.txt")});
 */
void wrun_in_container(wrun_plan *plan, const wrun_container *container);

/* ---- while it runs ---- */

/* Asks for a task while running: queue any number, then wrun_await. The input may be NULL: wrun_input says what
 * it is called. */
wrun_call *wrun_need(const char *input, const char *task);
wrun_call *wrun_need_value(const char *input, wrun_value task);
const char *wrun_input(const wrun_call *call);
/* Suspends the task until all that was queued is there. It returns only on success. */
int wrun_await(void);

/* How far the task is, from 0 to 1, and in its own words. Below 0 is unknown. */
void wrun_progress(double fraction, const char *format, ...) WRUN_PRINTF(2, 3);

/* Opens a file of an input for reading; on failure says so by wrun_fail and returns NULL. With the name NULL it
 * is the only file there. */
FILE *wrun_open(const char *input, const char *name);
/* Reads all of it. A NUL is put behind. */
char *wrun_read(const char *input, const char *name, size_t *length);
/* Reads a file that is one whole number, as text. */
int64_t wrun_read_int(const char *input, const char *name);
/* Creates an output, with the folders above it; on failure says so by wrun_fail and returns NULL. */
FILE *wrun_create(const char *name);
/* Closes it and says what could not be written: `return wrun_close(out);`. */
int wrun_close(FILE *file);
/* Writes a whole output. */
int wrun_write(const char *name, const void *bytes, size_t length);
/* Names in a folder of an input, sorted; the last is followed by NULL. */
const char *const *wrun_list(const char *input, const char *folder);

/* Memory that stays until the call ends, and a text in it. Out of memory ends the task. */
void *wrun_alloc(size_t bytes);
char *wrun_format(const char *format, ...) WRUN_PRINTF(1, 2);

/* ---- the plugin ---- */

typedef int wrun_requires_fn(const wrun_args *args, wrun_plan *plan);
typedef int wrun_run_fn(const wrun_args *args);

/* One task type. */
typedef struct wrun_task {
  const char *name;
  const char *doc;
  const wrun_param *params;
  const wrun_output *outputs;  /* where they are the same for all params; none is all of /out */
  /* What a call requires, and outputs that depend on params. Pure: it may read nothing but its params. */
#if defined(__cplusplus) && __cplusplus >= 202002L
  wrun_requires_fn *requires_;
#else
  wrun_requires_fn *requires;
#endif
  wrun_run_fn *run;            /* none where a container does the work */
  const char *version;         /* a promise: equal versions make equal bytes, whatever the component */
  bool dynamic;                /* whether `run` may call wrun_await */
  bool native_nan;
  uint32_t retries;
  wrun_limits limits;
} wrun_task;

typedef struct wrun_plugin {
  const char *id;
  const char *doc;
  const wrun_task *tasks;
  size_t count;
  const char *default_goal;    /* none is the last task */
} wrun_plugin;

/* WRUN_PLUGIN or the plugin itself defines it. */
const wrun_plugin *wrun_plugin_table(void);

#ifndef __cplusplus
#define WRUN_PARAMS(...) ((const wrun_param[]){__VA_ARGS__, {0}})
#define WRUN_OUTPUTS(...) ((const wrun_output[]){__VA_ARGS__, {0}})
#define WRUN_TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define WRUN_PAIRS(...) ((const wrun_pair[]){__VA_ARGS__, {0}})
#define WRUN_CODES(...) ((const int32_t[]){__VA_ARGS__, WRUN_NO_CODE})
#endif

/* WRUN_PLUGIN("my-plugin", "What it is for", {.name = "one", …}, {.name = "two", …}) */
#define WRUN_PLUGIN(plugin_id, plugin_doc, ...)                                                              \
  static const wrun_task wrun_tasks_[] = {__VA_ARGS__};                                                      \
  const wrun_plugin *wrun_plugin_table(void) {                                                               \
    static const wrun_plugin table = {plugin_id, plugin_doc, wrun_tasks_,                                    \
                                      sizeof wrun_tasks_ / sizeof *wrun_tasks_, NULL};                       \
    return &table;                                                                                           \
  }

#ifdef __cplusplus
}
#endif

#ifndef __wasm__
#include "wrun_test.h"
#endif

#endif
