/* proxy_renew.c - renewals: calls that nobody waits for. While the provider fails, whoever asks gets the
 * stale answer at once; when another attempt is due, one of them makes us ask in its stead. */
#include <utlist.h>

#include "gateway/proxy_inside.h"

bool proxy_renews(const struct proxy *proxy, const struct cache_key *key)
{
    const struct waiter *waiter;

    DL_FOREACH(proxy->renewals, waiter)
    {
        if (memcmp(waiter->asked.key.bytes, key->bytes, sizeof(key->bytes)) == 0)
            return true;
    }
    return false;
}

void proxy_renew(struct proxy *proxy, const struct asked *asked, const struct lane_call *call,
                 const struct caller *caller, const struct moment *moment)
{
    struct terms terms = {.not_before_us = 0};
    struct waiter *waiter;

    if (proxy->draining || proxy->renewal_count == RENEWALS_MAX || proxy_renews(proxy, &asked->key))
        return;
    waiter = proxy_waiter_new(proxy, asked, call, caller, &terms);
    if (!waiter)
        return;
    waiter->renews = true;
    waiter->asked.exchange = NULL; /* who asked has its answer, and may be gone */
    waiter->asked.errand = NULL;
    waiter->pending.deadline_us = moment->now_us + proxy->config.timeout_us;
    if (pending_add(proxy->pending, &waiter->pending) < 0) {
        proxy_waiter_free(waiter);
        return;
    }
    DL_APPEND(proxy->renewals, waiter);
    proxy->renewal_count++;
    metric_add(proxy->config.metrics, METRIC_GATEWAY_RENEWALS, 1);
}

void proxy_renewal_end(struct proxy *proxy, struct waiter *waiter)
{
    DL_DELETE(proxy->renewals, waiter);
    proxy->renewal_count--;
    proxy_waiter_free(waiter);
}

void proxy_renewals_withdraw(struct proxy *proxy)
{
    while (proxy->renewals) {
        struct waiter *waiter = proxy->renewals;

        proxy_withdraw(proxy, waiter);
        proxy_renewal_end(proxy, waiter);
    }
}
