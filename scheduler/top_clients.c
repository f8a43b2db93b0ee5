/* top_clients.c - see top_clients.h. */
#include "scheduler/top_clients.h"

static unsigned find(const struct top_clients *top, uint64_t hash)
{
    unsigned row = 0;

    while (row < top->rows && top->hashes[row] != hash)
        row++;
    return row;
}

static unsigned lightest(const struct top_clients *top)
{
    unsigned least = 0;

    for (unsigned row = 1; row < TOP_CLIENTS_ROWS; row++) {
        if (top->weights[row] < top->weights[least])
            least = row;
    }
    return least;
}

static void add(struct top_counts *sum, const struct top_counts *counts)
{
    sum->submitted += counts->submitted;
    sum->served += counts->served;
    sum->refused += counts->refused;
    sum->left += counts->left;
}

/* A row for a client that has none. */
static unsigned occupy(struct top_clients *top, uint64_t hash, struct text name)
{
    bool full = top->rows == TOP_CLIENTS_ROWS;
    unsigned row = full ? lightest(top) : top->rows++;
    struct top_client *client = &top->clients[row];
    uint32_t mark = full ? client->mark + TOP_CLIENTS_ROWS : row;

    if (full) {
        add(&top->others, &client->counts);
        top->left_rows++;
    }
    *client = (struct top_client){.mark = mark, .missed = top->weights[row]};
    client->name_bytes = (uint8_t)(name.bytes < sizeof(client->name) ? name.bytes : sizeof(client->name));
    if (client->name_bytes > 0)
        memcpy(client->name, name.at, client->name_bytes);
    top->hashes[row] = hash;
    return row;
}

uint32_t top_clients_submitted(struct top_clients *top, uint64_t hash, struct text name)
{
    unsigned row = find(top, hash);

    if (row == top->rows)
        row = occupy(top, hash, name);
    top->clients[row].counts.submitted++;
    top->weights[row]++;
    return top->clients[row].mark;
}

void top_clients_ended(struct top_clients *top, uint32_t mark, enum top_end end)
{
    struct top_client *client = &top->clients[mark % TOP_CLIENTS_ROWS];
    struct top_counts *counts = client->mark == mark ? &client->counts : &top->others;

    switch (end) {
    case TOP_SERVED:
        counts->served++;
        return;
    case TOP_REFUSED:
        counts->refused++;
        return;
    case TOP_LEFT:
        counts->left++;
        return;
    case TOP_KNOWN:
        counts->submitted--;
        return;
    }
}

static void put(struct json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_uint(json, value);
}

static void put_counts(struct json *json, const struct top_counts *counts)
{
    put(json, "waiting", counts->submitted - counts->served - counts->refused - counts->left);
    put(json, "submitted", counts->submitted);
    put(json, "served", counts->served);
    put(json, "refused", counts->refused);
    put(json, "left", counts->left);
}

/* The row that comes next after those that are taken; TOP_CLIENTS_ROWS: none. */
static unsigned next_row(const struct top_clients *top, const bool taken[TOP_CLIENTS_ROWS])
{
    unsigned best = TOP_CLIENTS_ROWS;

    for (unsigned row = 0; row < top->rows; row++) {
        if (!taken[row] && (best == TOP_CLIENTS_ROWS ||
                            top->clients[row].counts.submitted > top->clients[best].counts.submitted))
            best = row;
    }
    return best;
}

static void put_top(const struct top_clients *top, struct json *json, bool taken[TOP_CLIENTS_ROWS])
{
    for (unsigned i = 0; i < TOP_CLIENTS_SHOWN && i < top->rows; i++) {
        unsigned row = next_row(top, taken);
        const struct top_client *client = &top->clients[row];

        taken[row] = true;
        json_begin_object(json);
        json_key(json, "client");
        json_text(json, (struct text){.at = client->name, .bytes = client->name_bytes});
        put_counts(json, &client->counts);
        put(json, "missed_max", client->missed);
        json_end_object(json);
    }
}

int top_clients_render(const struct top_clients *top, char *buffer, size_t size, struct text *out)
{
    bool taken[TOP_CLIENTS_ROWS] = {false};
    struct top_counts others = top->others;
    uint64_t clients = top->left_rows;
    struct json json;

    json_init(&json, buffer, size);
    json_begin_object(&json);
    json_key(&json, "top");
    json_begin_array(&json);
    put_top(top, &json, taken);
    json_end_array(&json);
    for (unsigned row = 0; row < top->rows; row++) {
        if (taken[row])
            continue;
        add(&others, &top->clients[row].counts);
        clients++;
    }
    json_key(&json, "other");
    json_begin_object(&json);
    put_counts(&json, &others);
    put(&json, "clients", clients);
    json_end_object(&json);
    put(&json, "rows", TOP_CLIENTS_ROWS);
    json_end_object(&json);
    return json_finish(&json, out);
}
