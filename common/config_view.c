/* config_view.c - see config_view.h. */
#include "common/config_view.h"

#include "common/json.h"

#define TICKS 5

_Static_assert(CONFIG_VIEW_BYTES <= MESSAGE_VIEW_BYTES, "the longest can be sent");

int config_view_render(const struct config_view *view, char *buffer, size_t size, struct text *out)
{
    struct json json;

    json_init(&json, buffer, size);
    json_begin_object(&json);
    json_key(&json, "options");
    config_json(view->config, view->process, &json);
    if (view->port > 0) {
        json_key(&json, "port");
        json_uint(&json, view->port);
    }
    json_end_object(&json);
    return json_finish(&json, out);
}

void config_view_tick(struct config_view *view, struct event_publisher *publisher)
{
    char room[CONFIG_VIEW_BYTES];
    struct text text;

    if (view->ticks++ % TICKS == 0 && config_view_render(view, room, sizeof(room), &text) == 0)
        event_view(publisher, CONFIG_VIEW_NAME, text);
}
