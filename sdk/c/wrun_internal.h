/* What the files of the SDK, and the fake host of tests, share. Not for plugins. */
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
  wrun_container *container;   /* that does the work, or NULL */
};

/* The task whose call this is, and how many needs without a name it had. */
extern const char *wrun_current_;
extern uint64_t wrun_needs_;

/* A getter was used wrongly: that fails the call even if it returns WRUN_OK. */
extern bool wrun_misused_;

void *wrun_room_(size_t bytes);
char *wrun_copy_of_(const char *text, size_t length);
/* Makes room for one item more in a growing array. */
void *wrun_grown_(void *items, size_t count, size_t size);
void wrun_misuse_(const char *message);
/* A text that the contract carries; `what` is what it is. */
const char *wrun_carried_(const char *text, const char *what);
bool wrun_field_(wrun_value value, const char *name, wrun_value *found);
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
int wrun_test_open_(const char *path, int flags);
void wrun_host_progress_(double fraction, const char *message);

#endif
