/* What wrun.c shares with the border to the host, or with the fake host of tests. Not for plugins. */
#ifndef WRUN_INTERNAL_H
#define WRUN_INTERNAL_H

#include "wrun.h"

enum wrun_source_kind { WRUN_IS_TASK, WRUN_IS_EXTERNAL, WRUN_IS_AWAITED, WRUN_IS_LISTING, WRUN_IS_CLOCK };

struct wrun_given {
  const char *name, *json;
  struct wrun_given *next;
};

/* One input. */
struct wrun_call {
  enum wrun_source_kind kind;
  const char *input;
  const char *plugin, *task, *path;
  struct wrun_given *given;
  const char *params_json;     /* instead of `given` */
  const char *uri;             /* or the instant */
};

struct wrun_plan {
  wrun_call **inputs;
  size_t count;
  wrun_output *outputs;
  size_t output_count;
  wrun_limits limits;
};

/* The task whose call this is, and how many needs without a name it had. */
extern const char *wrun_current_;
extern uint64_t wrun_needs_;

void wrun_begin_(void);
void wrun_free_all_(void);
int wrun_ended_(int code, const char *task);
const char *wrun_failure_(void);
char *wrun_shown_(const char *text);
const wrun_task *wrun_find_(const char *name);
const wrun_output *wrun_outputs_(const wrun_task *task);
int wrun_declare_(const wrun_task *task, const wrun_args *args, wrun_plan *plan);
const char *wrun_call_params_(const wrun_call *call);
int wrun_host_need_(wrun_call *const *calls, size_t count);
void wrun_host_progress_(double fraction, const char *message);

#endif
