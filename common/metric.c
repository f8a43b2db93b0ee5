/* metric.c - see metric.h. */
#include "common/metric.h"

#define KEY(name, labels) (sizeof(labels) > 1 ? name "{" labels "}" : name)

static const struct metric_spec specs[] = {
#define METRIC(id, kind_, process_, name_, labels_, help_)                                                   \
    {.kind = METRIC_KIND_##kind_,                                                                            \
     .process = process_,                                                                                    \
     .name = name_,                                                                                          \
     .labels = labels_,                                                                                      \
     .help = help_,                                                                                          \
     .key = KEY(name_, labels_)},
#define HISTOGRAM(id, process, name, help)
#include "common/metrics.def"
#undef METRIC
#undef HISTOGRAM
};

static const struct histogram_spec histograms[] = {
#define METRIC(id, kind, process, name, labels, help)
#define HISTOGRAM(id, process_, name_, help_) {.process = process_, .name = name_, .help = help_},
#include "common/metrics.def"
#undef METRIC
#undef HISTOGRAM
};

const struct metric_spec *metric_spec(enum metric metric)
{
    return &specs[metric];
}

const struct histogram_spec *metric_histogram_spec(enum metric_histogram histogram)
{
    return &histograms[histogram];
}

enum metric metric_find(struct text process, struct text key)
{
    int i = 0;

    while (i < METRIC_COUNT && !(text_equal(key, specs[i].key) && text_equal(process, specs[i].process)))
        i++;
    return (enum metric)i;
}

enum metric_histogram metric_histogram_find(struct text process, struct text name)
{
    int i = 0;

    while (i < HISTOGRAM_COUNT &&
           !(text_equal(name, histograms[i].name) && text_equal(process, histograms[i].process)))
        i++;
    return (enum metric_histogram)i;
}
