/* The border to the host: its calls become those of wrun.h, and plans become what the contract has. */
#define WRUN_TEST_SOURCE
#include "wrun_internal.h"
#include "src/wrun_abi.h"

#include <stdlib.h>
#include <string.h>

/* The host puts the contract's types around the module, so there is no object file that has them. */
void __component_type_object_force_link_wrun_abi(void) {}

/* The generated code frees what it is given: it has memory of its own. */
static wrun_abi_string_t given(const char *text) {
  wrun_abi_string_t string;
  wrun_abi_string_dup(&string, text ? text : "");
  return string;
}

static wrun_abi_option_string_t maybe(const char *text) {
  return (wrun_abi_option_string_t){.is_some = text != NULL, .val = given(text)};
}

static void *array(size_t count, size_t size) {
  void *items = calloc(count ? count : 1, size);
  if (!items) abort();
  return items;
}

static wrun_abi_option_u64_t cap(uint64_t value) {
  return (wrun_abi_option_u64_t){.is_some = value != 0, .val = value};
}

static wrun_task_types_limits_t caps(wrun_limits limits) {
  return (wrun_task_types_limits_t){cap(limits.memory), cap(limits.cpu_ms), cap(limits.output_bytes),
                                    cap(limits.output_files), cap(limits.log_bytes)};
}

static wrun_task_types_list_output_t outputs_of(const wrun_output *outputs, size_t count) {
  wrun_task_types_list_output_t list = {array(count, sizeof *list.ptr), count};
  for (size_t i = 0; i < count; i++)
    list.ptr[i] = (wrun_task_types_output_t){
        given(outputs[i].name),
        outputs[i].kind == WRUN_FILE ? WRUN_TASK_TYPES_OUTPUT_KIND_FILE : WRUN_TASK_TYPES_OUTPUT_KIND_DIRECTORY};
  return list;
}

static size_t count_outputs(const wrun_output *outputs) {
  size_t count = 0;
  while (outputs && outputs[count].name) count++;
  return count;
}

static wrun_abi_list_string_t texts_of(const char *const *texts) {
  size_t count = 0;
  while (texts && texts[count]) count++;
  wrun_abi_list_string_t list = {array(count, sizeof *list.ptr), count};
  for (size_t i = 0; i < count; i++) list.ptr[i] = given(texts[i]);
  return list;
}

static wrun_abi_list_tuple2_string_string_t pairs_of(const wrun_pair *pairs) {
  size_t count = 0;
  while (pairs && pairs[count].name) count++;
  wrun_abi_list_tuple2_string_string_t list = {array(count, sizeof *list.ptr), count};
  for (size_t i = 0; i < count; i++)
    list.ptr[i] = (wrun_abi_tuple2_string_string_t){given(pairs[i].name), given(pairs[i].value)};
  return list;
}

static wrun_abi_list_s32_t codes_of(const int32_t *codes) {
  size_t count = 0;
  while (codes && codes[count] != WRUN_NO_CODE) count++;
  wrun_abi_list_s32_t list = {array(count, sizeof *list.ptr), count};
  if (count) memcpy(list.ptr, codes, count * sizeof *codes);
  return list;
}

static wrun_task_types_container_t container_of(const wrun_container *it) {
  return (wrun_task_types_container_t){
      .image = given(it->image),
      .entrypoint = {.is_some = it->entrypoint != NULL, .val = texts_of(it->entrypoint)},
      .argv = texts_of(it->args),
      .workdir = maybe(it->workdir),
      .env = pairs_of(it->env),
      .user = maybe(it->user),
      .network = it->network ? WRUN_TASK_TYPES_NETWORK_FULL : WRUN_TASK_TYPES_NETWORK_NONE,
      .cpu_millis = cap(it->cpu_millis),
      .memory = cap(it->memory),
      .gpus = it->gpus,
      .timeout_seconds = cap(it->timeout),
      .tmpfs = cap(it->tmpfs),
      .accepted_exit_codes = codes_of(it->accepted),
      .secrets = texts_of(it->secrets),
      .labels = pairs_of(it->labels),
      .effect = it->effect,
  };
}

void exports_wrun_abi_describe(wrun_abi_description_t *ret) {
  const wrun_plugin *plugin = wrun_plugin_table();
  const char *goal = plugin->default_goal;
  if (!goal && plugin->count) goal = plugin->tasks[plugin->count - 1].name;
  *ret = (wrun_abi_description_t){.id = given(plugin->id), .doc = given(plugin->doc), .default_goal = maybe(goal)};
  ret->tasks.len = plugin->count;
  ret->tasks.ptr = array(plugin->count, sizeof *ret->tasks.ptr);
  for (size_t i = 0; i < plugin->count; i++) {
    const wrun_task *task = &plugin->tasks[i];
    wrun_task_types_task_type_t *to = &ret->tasks.ptr[i];
    size_t params = 0;
    while (task->params && task->params[params].name) params++;
    *to = (wrun_task_types_task_type_t){
        .name = given(task->name),
        .doc = given(task->doc),
        .params = {array(params, sizeof *to->params.ptr), params},
        .outputs = outputs_of(task->outputs, count_outputs(task->outputs)),
        .limits = caps(task->limits),
        .version = maybe(task->version),
        .dynamic = task->dynamic,
        .native_nan = task->native_nan,
        .retries = task->retries,
    };
    for (size_t j = 0; j < params; j++) {
      const wrun_param *param = &task->params[j];
      to->params.ptr[j] = (wrun_task_types_param_spec_t){
          .name = given(param->name),
          .doc = given(param->doc),
          .kind = given(param->kind),
          .default_ = {.is_some = param->default_json != NULL, .val = given(param->default_json)},
          .significant = !param->insignificant,
          .visibility = (wrun_task_types_visibility_t)param->visibility,
          .positional = param->positional,
      };
    }
  }
}

static wrun_task_types_task_source_t source_of(const wrun_call *call) {
  return (wrun_task_types_task_source_t){
      .call = {.plugin = maybe(call->plugin), .task = given(call->task), .params = given(wrun_call_params_(call))},
      .path = maybe(call->path),
  };
}

/* Begins a call: its task, and its params as text that ends in NUL. */
static const wrun_task *begun(wrun_abi_string_t *task, wrun_abi_json_t *params, wrun_args *args) {
  wrun_begin_();
  *args = (wrun_args){wrun_copy_of_((const char *)params->ptr, params->len), params->len};
  const wrun_task *found = wrun_find_(wrun_copy_of_((const char *)task->ptr, task->len));
  wrun_abi_string_free(task);
  wrun_abi_string_free(params);
  return found;
}

bool exports_wrun_abi_declare(wrun_abi_string_t *task, wrun_abi_json_t *params, wrun_abi_plan_t *ret,
                              wrun_abi_string_t *err) {
  wrun_args args;
  wrun_plan plan;
  const wrun_task *found = begun(task, params, &args);
  if (!found || wrun_declare_(found, &args, &plan) != WRUN_OK) {
    *err = given(wrun_failure_());
    return false;
  }
  *ret = (wrun_abi_plan_t){.limits = caps(plan.limits)};
  ret->outputs = plan.output_count ? outputs_of(plan.outputs, plan.output_count)
                                   : outputs_of(wrun_outputs_(found), count_outputs(wrun_outputs_(found)));
  ret->inputs.len = plan.count;
  ret->inputs.ptr = array(plan.count, sizeof *ret->inputs.ptr);
  for (size_t i = 0; i < plan.count; i++) {
    const wrun_call *call = plan.inputs[i];
    wrun_task_types_source_t source;
    switch (call->kind) {
      case WRUN_IS_TASK:
        source.tag = WRUN_TASK_TYPES_SOURCE_TASK;
        source.val.task = source_of(call);
        break;
      case WRUN_IS_CLOCK:
        source.tag = WRUN_TASK_TYPES_SOURCE_CLOCK;
        source.val.clock = given(call->uri);
        break;
      default:
        source.tag = WRUN_TASK_TYPES_SOURCE_EXTERNAL;
        source.val.external = (wrun_task_types_external_t){
            given(call->uri),
            call->kind == WRUN_IS_LISTING ? WRUN_TASK_TYPES_EXTERNAL_MODE_LISTING
                                          : WRUN_TASK_TYPES_EXTERNAL_MODE_CONTENT,
            call->kind == WRUN_IS_AWAITED};
    }
    ret->inputs.ptr[i] = (wrun_task_types_input_t){given(call->input), source};
  }
  if (plan.container) ret->container = (wrun_task_types_option_container_t){true, container_of(plan.container)};
  return true;
}

bool exports_wrun_abi_run(wrun_abi_string_t *task, wrun_abi_json_t *params, wrun_abi_string_t *err) {
  wrun_args args;
  const wrun_task *found = begun(task, params, &args);
  bool done = found && wrun_ended_(found->run ? found->run(&args) : WRUN_OK, found->name) == WRUN_OK;
  /* Nobody else does: a component never exits. */
  fflush(NULL);
  if (!done) *err = given(wrun_failure_());
  return done;
}

/* Kept where no task needs anything: the import says which contract the module was built for. */
__attribute__((used)) int wrun_host_need_(wrun_call *const *calls, size_t count) {
  wrun_task_host_list_need_item_t items = {array(count, sizeof *items.ptr), count};
  for (size_t i = 0; i < count; i++)
    items.ptr[i] = (wrun_task_host_need_item_t){given(calls[i]->input), source_of(calls[i])};
  wrun_task_host_need(&items);
  return WRUN_OK;
}

void wrun_host_progress_(double fraction, const char *message) {
  wrun_abi_string_t text;
  wrun_abi_string_set(&text, message);
  wrun_task_host_progress(fraction >= 0 ? &fraction : NULL, &text);
}
