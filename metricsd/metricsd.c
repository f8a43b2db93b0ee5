/* metricsd.c - see metricsd.h. */
int sluice_metricsd_absent(void);
int sluice_metricsd_absent(void)
{
    return 0;
}
